"""One run of a job: the ``JobRun`` that its function is called with."""

from __future__ import annotations

import functools
import time
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from changemaker_core.identity.origin import Origin
from changemaker_core.jobs import statements
from changemaker_core.jobs.errors import JobStopped
from changemaker_core.jobs.held_queues.trials import (
    hold_until_success,
    undo_trial,
)
from changemaker_core.jobs.running.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from os import PathLike
    from pathlib import Path

    from changemaker_core.db import Tx
    from changemaker_core.jobs.running.run import Change
    from changemaker_core.mail import Message

#: Seconds between two reports of progress that are stored.
PROGRESS_SECONDS = 1.0
#: Time before a job runs again that met an unavailable database.
UNAVAILABLE = timedelta(seconds=10)

P = ParamSpec("P")
R = TypeVar("R")


class JobRun(Run):
    """One run of a job: it reads and writes, and settles how the job ended.

    Once the lease is lost, every step raises ``LeaseLost``. A function ``fn`` given to a
    step is called as ``fn(tx, *args)`` in the transaction that changes the job's state. A job whose
    function returns without having settled it is done; one whose function raises is retried, or,
    after ``at_risk``, of unknown outcome.
    """

    _progress_at = 0.0

    @property
    def origin(self) -> Origin:
        """Where the changes of this run come from, for the audit log."""
        return Origin("job", id=self.id, name=self.name, request_id=self.claimed.request_id)

    @property
    def created_at(self) -> datetime:
        """When the job was enqueued, aware and in UTC."""
        return self.claimed.created_at

    @property
    def lease(self) -> statements.Lease:
        """What this run holds, until it is lost; another run of the job has another one."""
        return self.claimed.lease

    def read(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return ``fn(*args)``, called on the database."""
        return self.site.db.sync.read(fn, *args, **kwargs)

    def write(self, fn: Callable[Concatenate[Tx, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return ``fn(tx, *args)``, called in a transaction. Raises ``LeaseLost``."""

        @functools.wraps(fn)  # its name is in the log where it is slow
        def fenced(tx: Tx) -> R:
            statements.require_lease(self.fence)
            return fn(tx, *args, **kwargs)

        return self.site.db.sync.write(fenced)

    def done(self, fn: Change | None = None, *args: Any) -> None:
        """Settle the job as done. In a queue that is held because of a server, this is the success
        that releases it; a job whose function only returns may not have tried the server."""

        def step(tx: Tx) -> None:
            self.succeed(tx)
            if fn is not None:
                fn(tx, *args)

        self.finish("done", None, None, step)

    def returned(self) -> None:
        """Settle as done a job whose function returned without having settled it."""

        self.finish("done", None, None, None, always=self._did_not_try)

    def retry(
        self, error: str, fn: Change | None = None, *args: Any, after: timedelta | None = None
    ) -> None:
        """Queue the job again: it has certainly failed, and may succeed later.

        ``after`` is the time until then, such as a server's ``Retry-After``, but no later than the
        deadline of the retry policy, which does not end a job that is tried while its queue is
        held; without it the policy decides. Where the policy is exhausted
        the job is dead, and its ``on_dead`` is called instead of ``fn``; a job that was cancelled
        is not tried again either.
        """
        if after is not None and after < timedelta(0):
            raise ValueError(f"after={after!r} is in the past; use timedelta(0) for at once")
        self.requeue(error, fn, args, after)

    def dead(self, error: str, fn: Change | None = None, *args: Any) -> None:
        """Settle the job as failed for good. ``fn`` is called instead of the job's ``on_dead``."""
        self.finish("dead", error, self.job.on_dead, fn, args)

    def unknown(self, error: str, fn: Change | None = None, *args: Any) -> None:
        """Settle the job as unknown: a person must find out whether it succeeded. ``fn`` is called
        instead of the job's ``on_unknown``."""
        self.finish("unknown", error, self.job.on_unknown, fn, args)

    def hold(self, reason: str, note: str, fn: Change | None = None, *args: Any) -> None:
        """Hold the job's queue, and give the job back to it: what failed is not this job's fault.

        From time to time one job of the queue is tried, and one that calls ``done`` or whose
        message was sent releases the queue; so does an operator. Its jobs then have all their
        attempts, and after an hour or more all their time. ``reason`` is a key of ``REASONS``,
        ``note`` is shown with it.
        """

        def step(tx: Tx) -> None:
            statements.give_back(tx, self.fence, note)
            hold_until_success(tx, self.job.queue, reason, note)
            if fn is not None:
                fn(tx, *args)

        self.give_back(step)

    def mail(
        self,
        message: Message,
        *,
        sending: Callable[[Tx], object] | None = None,
        sent: Callable[[Tx], object] | None = None,
        retried: Callable[[Tx, str], object] | None = None,
        failed: Callable[[Tx, str], object] | None = None,
        unknown: Callable[[Tx, str], object] | None = None,
    ) -> None:
        """Send a message and settle the job: it is sent at most once, unless it certainly failed.

        Each function is called in the transaction of a step: ``sending(tx)`` before the message may
        have been delivered, ``sent(tx)`` when the server has accepted it, ``retried(tx, error)``
        when it certainly was not delivered and is tried again, ``failed(tx, error)`` when the
        recipient or the message was refused, ``unknown(tx, error)`` when no reply came. A job whose
        retries are exhausted has its ``on_dead`` called, and one whose process dies its
        ``on_unknown``.

        ``sending`` returns :class:`~changemaker_core.mail.AlreadySent` where the message was handed
        over before, by another job: it is not handed over again, and ``sent`` is called after the
        time that this takes.

        What is not this message's fault holds the queue: a server that refuses the site itself or
        cannot be reached, and ``mail_failures_before_hold`` recipients in a row without a success.
        """
        from changemaker_core.jobs.running.mailing import Mailing, MailSteps

        steps = MailSteps(sending, sent, retried, failed, unknown)
        Mailing(self, message, steps).send()

    def progress(self, done: int, total: int | None = None, note: str = "") -> None:
        """Report how far the job is, for ``GET /api/jobs``: ``done`` of ``total``, in any unit.

        It may be called often: it is stored once a second, and where ``done`` is ``total``. Raises
        ``LeaseLost``.
        """
        now = time.monotonic()
        if now - self._progress_at >= PROGRESS_SECONDS or done == total:
            self._progress_at = now
            self.site.db.sync.write(statements.report, self.fence, done, total, note)

    def stop_if_asked(self) -> None:
        """Raise ``JobStopped`` once ``stopping`` is set. For loops whose rounds take long."""
        if self.stopping.is_set():
            raise JobStopped

    def child(
        self,
        argv: Sequence[str | PathLike[str]],
        *,
        seconds: float,
        memory: int,
        file_bytes: int,
        on_line: Callable[[str], object] | None = None,
        env: Mapping[str, str] = MappingProxyType({}),
        cwd: Path | None = None,
    ) -> None:
        """Run a program to its end, and call ``on_line`` with each line of its standard output.

        It may take ``seconds`` of time and ``memory`` bytes of address space, and write files of
        ``file_bytes`` bytes each. It has a process group of its own, which is killed when the
        time is over, when the job is cancelled or its lease is lost, at the end of the time that
        running jobs have at a stop, and when this process dies. Of the environment it sees
        ``PATH``, ``HOME``, ``TMPDIR``, the language and the time zone; ``env`` adds to it. Raises
        ``ChildFailed`` and ``JobStopped``.
        """
        self.children.run(argv, seconds, (memory, file_bytes), on_line, env, cwd)

    def end(self) -> None:
        """Ask the function to stop, and kill its programs."""
        self.stopping.set()
        self.children.end()

    def is_stopped_by(self, error: BaseException) -> bool:
        """Return whether ``error`` means that the run stopped early because it was asked to."""
        if self.is_settled or self.is_at_risk:
            return False
        return self.is_cancelled or (isinstance(error, JobStopped) and self.stopping.is_set())

    def postpone(self, error: str) -> None:
        """Give the job back for a while, without having used an attempt: the database was
        unavailable. After the deadline of its retry policy the job is dead, as ``retry`` has it."""

        def step(tx: Tx) -> None:
            statements.give_back(tx, self.fence, error, tx.now + UNAVAILABLE)

        if self.is_overdue:
            self.retry(error)
        else:
            self.give_back(step)

    def cancelled(self) -> None:
        """Settle the job as cancelled; its ``on_dead`` is called."""
        hook = self.job.on_dead
        self.finish("cancelled", "cancelled", hook, None, always=self._did_not_try)

    def lapsed(self) -> None:
        """Settle as failed a job during whose attempts its process ended each time."""
        error = "its process ended during each attempt"
        self.finish("dead", error, self.job.on_dead, None, always=self._did_not_try)

    def _did_not_try(self, tx: Tx) -> None:
        """Have another job tried where this one was, and has not tried the server."""
        if self.claimed.is_trial:
            undo_trial(tx, self.job.queue)

    def release(self) -> None:
        """Give the job back, as if it had never been claimed. For runs that were asked to stop."""
        self.site.db.sync.write(statements.release, [self.claimed])
        self.is_settled = True
