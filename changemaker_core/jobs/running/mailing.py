"""What ``JobRun.mail`` does: one message is sent, and its job settled by what became of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from changemaker_core.jobs import statements
from changemaker_core.jobs.held_queues.trials import (
    FIRST,
    LONGEST,
    hold_until_success,
    try_another,
)
from changemaker_core.mail import Address, AlreadySent, DeliveryUnknown, Refused
from changemaker_core.mail.replies import without_addresses

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from changemaker_core.db import Tx
    from changemaker_core.jobs.running.run import Change, Run
    from changemaker_core.mail import Message


@dataclass(frozen=True, slots=True)
class MailSteps:
    """The functions of a caller of ``JobRun.mail``, which documents them."""

    sending: Callable[[Tx], object] | None
    sent: Callable[[Tx], object] | None
    retried: Callable[[Tx, str], object] | None
    failed: Callable[[Tx, str], object] | None
    unknown: Callable[[Tx, str], object] | None


class Mailing:
    """One message of a run, and the outcome of its job."""

    def __init__(self, run: Run, message: Message, steps: MailSteps) -> None:
        self._run = run
        #: Who has written it. The site's own address for replies is that of all of its mail.
        self._writer = None if message.automatic else message.reply_to
        reply_to = run.site.mail_settings.reply_to
        if message.reply_to is None and reply_to:
            message = replace(message, reply_to=Address("", reply_to))
        self._message = message
        self._steps = steps
        self._queue = run.job.queue
        self._failures = run.site.jobs.failures
        self._begun: object = None

    def send(self) -> None:
        """Send the message and settle the job."""
        with self._run.site.mail.session() as session:
            try:
                session.send_envelope(self._message)
                self._run.at_risk(self._begin)
                if isinstance(self._begun, AlreadySent):
                    self._run.stopping.wait(self._begun.takes.total_seconds())
                else:
                    session.send_data()
            except Refused as refused:
                self._refused(refused)
            except DeliveryUnknown as lost:
                error = without_addresses(str(lost))
                self._end("unknown", error, self._run.job.on_unknown, self._steps.unknown)
            else:
                self._run.finish("done", None, None, self._succeed)

    def _begin(self, tx: Tx) -> None:
        self._begun = None if self._steps.sending is None else self._steps.sending(tx)

    def _succeed(self, tx: Tx) -> None:
        if not isinstance(self._begun, AlreadySent):
            self._failures.end(tx, self._queue)
            self._run.succeed(tx)
        elif self._run.claimed.is_trial:
            try_another(tx, self._queue, reached=True)
        if self._steps.sent is not None:
            self._steps.sent(tx)

    def _refused(self, refused: Refused) -> None:
        error = without_addresses(str(refused))
        retried = _with_error(self._steps.retried, error)
        if refused.of_site:
            self._hold(refused, error, retried)
            return
        if self._run.claimed.is_trial and not self._run.is_cancelled:
            self._put_aside(refused, error, retried)
            return
        # Anybody can write what no server takes, and it says nothing of other messages.
        counts = not refused.of_content
        if refused.temporary:
            count = partial(self._count, error) if counts else None
            self._run.requeue(error, retried, always=count)
        else:
            self._end("dead", error, self._run.job.on_dead, self._steps.failed, counts=counts)

    def _hold(self, refused: Refused, error: str, fn: Change | None) -> None:
        """Hold the queue. Where the server has refused the site, or stopped to reply, at a
        recipient or the message, others are tried before this one, lest it hold a queue whose
        others succeed; and at the end of its time it is dead."""
        run, reason = self._run, "unreachable" if refused.is_unreachable else "refused"
        of_message = refused.stage in ("rcpt", "data")

        def step(tx: Tx) -> None:
            due_at = tx.now + self._pause(refused, tx.now) if of_message else None
            statements.give_back(tx, run.fence, error, due_at)
            hold_until_success(tx, self._queue, reason, error)
            if fn is not None:
                fn(tx)

        if of_message and run.is_overdue:
            run.requeue(error, fn, always=partial(self._count, error))
        else:
            run.give_back(step)

    def _put_aside(self, refused: Refused, error: str, fn: Change | None) -> None:
        """Give back a job that was tried and whose message was refused, behind others: what a
        server that is suspected says of a message ends none."""

        def step(tx: Tx) -> None:
            due_at = tx.now + self._pause(refused, tx.now)
            statements.give_back(tx, self._run.fence, error, due_at)
            reached = refused.stage in ("rcpt", "data")
            if reached or not refused.temporary:
                try_another(tx, self._queue, reached=reached)
            if fn is not None:
                fn(tx)

        self._run.give_back(step)

    def _pause(self, refused: Refused, now: datetime) -> timedelta:
        """Return how long a message that is put aside waits behind others: where the server hung,
        as long as it has waited already, so that a brief trouble delays it briefly."""
        if not refused.is_unreachable:
            return LONGEST
        return min(max(now - self._run.claimed.wanted_at, 2 * FIRST), LONGEST)

    def _end(
        self,
        state: str,
        error: str,
        hook: Change | None,
        step: Callable[[Tx, str], object] | None,
        *,
        counts: bool = True,
    ) -> None:
        """Settle the job as ``state`` and count a failure; the caller's ``step`` is called, or the
        job's ``hook`` where there is none."""
        count = partial(self._count, error) if counts else None
        self._run.finish(state, error, hook, _with_error(step, error), always=count)

    def _count(self, error: str, tx: Tx) -> None:
        """Count a failure: of the recipient, and of whoever wrote, if anybody has."""
        to, most = self._message.to, self._run.site.config.mail_failures_before_hold
        whose = {"recipient": to, "sender": self._writer or to}
        traits = {kind: address.envelope for kind, address in whose.items()}
        self._failures.add(tx, self._queue, traits, most=most, note=error)


def _with_error(step: Callable[[Tx, str], object] | None, error: str) -> Change | None:
    return None if step is None else lambda tx: step(tx, error)
