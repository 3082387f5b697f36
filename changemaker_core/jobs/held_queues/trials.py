"""Queues that are held because of a server, and released by the first job that succeeds.

What failed is not the fault of any one job: the server refuses the site, cannot be reached, or has
accepted nothing for a while. So the queue is held, and from time to time one of its jobs is tried.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from changemaker_core.jobs.held_queues.hold import bring_forward, delete_hold
from changemaker_core.jobs.models import CoreFailure, CoreHold

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from changemaker_core.db import Tx

log = logging.getLogger(__name__)

#: The time until the first job is tried, which is doubled until the next one.
FIRST: Final = timedelta(seconds=30)
LONGEST: Final = timedelta(minutes=15)
#: Reasons of holds that end when the server replies to a recipient, whatever it replies.
OVER_ONCE_REACHED: Final = ("refused", "unreachable")


def hold_until_success(tx: Tx, queue: str, reason: str, note: str) -> None:
    """Hold a queue until one of its jobs has succeeded. A hold that it has is left as it is, except
    for the note of one that ends in this way too, and its reason: only a success ends failures."""
    insert = CoreHold.insert(
        queue=queue, since=tx.now, reason=reason, note=note, retry_at=tx.now + FIRST
    )
    if insert.on_conflict_ignore().as_rowcount().execute():
        text = "queue %s is held (%s): %s"
        tx.after_commit(lambda: log.warning(text, queue, reason, note))
        return
    is_tried = (CoreHold.queue == queue) & CoreHold.retry_at.is_null(False)
    CoreHold.update(note=note).where(is_tried).execute()
    is_another = is_tried & CoreHold.reason.not_in(("failures", reason))
    if CoreHold.update(reason=reason).where(is_another).execute():
        text = "queue %s is now held for another reason (%s): %s"
        tx.after_commit(lambda: log.warning(text, queue, reason, note))


def begin_trial(tx: Tx, queue: str) -> bool:
    """Return whether one job of a held queue may be tried now. Among several processes, one may."""
    is_due = (CoreHold.queue == queue) & (CoreHold.retry_at <= tx.now)
    hold = CoreHold.get_or_none(is_due)
    if hold is None:
        return False
    pause = min(FIRST * 2 ** min(hold.trials + 1, 20), LONGEST)
    begun = CoreHold.update(trials=hold.trials + 1, retry_at=tx.now + pause)
    return bool(begun.where(is_due & (CoreHold.trials == hold.trials)).execute())


def undo_trial(tx: Tx, queue: str) -> None:
    """Have another job tried at once: the one that was tried did not try the server."""
    is_tried = (CoreHold.queue == queue) & CoreHold.retry_at.is_null(False) & (CoreHold.trials > 0)
    undone = CoreHold.update(retry_at=tx.now, trials=CoreHold.trials - 1)
    undone.where(is_tried).execute()


def try_another(tx: Tx, queue: str, *, reached: bool = False) -> None:
    """Have another job tried soon: the one that was tried says nothing of the other ones.

    So the pause grows only while the server refuses the site or cannot be reached. ``reached`` says
    that the server has replied to a recipient: what it was held for is over, unless that is that
    nothing succeeds.
    """
    if reached and delete_hold(tx, queue, tried_only=True, reasons=OVER_ONCE_REACHED):
        text = "queue %s is released: the server has replied to a recipient"
        tx.after_commit(lambda: log.warning(text, queue))
        return
    is_tried = (CoreHold.queue == queue) & CoreHold.retry_at.is_null(False)
    CoreHold.update(retry_at=tx.now + FIRST, trials=0).where(is_tried).execute()


def try_now(tx: Tx, queue: str | None = None) -> bool:
    """Have a job of each queue that is held because of a server tried at once, or of one of them:
    the server that it is held for may be another one now. Return whether there was such a queue."""
    is_tried = CoreHold.retry_at.is_null(False)
    if queue is not None:
        is_tried &= CoreHold.queue == queue
    for hold in CoreHold.select().where(is_tried):
        bring_forward(tx, hold.queue, hold.since)
    return bool(CoreHold.update(retry_at=tx.now, trials=0).where(is_tried).execute())


def end_by_success(tx: Tx, queue: str) -> None:
    """Release a queue whose job was tried and has succeeded."""
    if delete_hold(tx, queue, tried_only=True):
        tx.after_commit(lambda: log.warning("queue %s is released: a job has succeeded", queue))


class Failures:
    """Counts what has failed in a queue since its last success, in the database.

    A success costs nothing in a process that has seen no failure since its own last one.
    """

    def __init__(self) -> None:
        self._none_seen: set[str] = set()
        #: How many failures of each queue were committed: none meanwhile, and a success holds.
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, tx: Tx, queue: str, traits: Mapping[str, str], *, most: int, note: str) -> None:
        """Count a failure, and hold the queue at ``most``; 0 is never.

        ``traits`` are what must differ between failures that count, such as recipient and sender:
        one mailbox that is closed is not many, and neither are the letters of one person.
        """
        if most <= 0:
            return
        tx.after_commit(lambda: self._note_failure(queue))
        seen = {each.item for each in CoreFailure.select().where(CoreFailure.queue == queue)}
        for kind, value in traits.items():
            # It may be a person's address, which is nothing to keep.
            item = f"{kind}:{tx.db.hash_who('core.failure', value)}"
            if item not in seen and _count(seen, kind) < most:
                seen.add(item)
                CoreFailure.insert(queue=queue, item=item, at=tx.now).on_conflict_ignore().execute()
        if all(_count(seen, kind) >= most for kind in traits):
            CoreFailure.delete().where(CoreFailure.queue == queue).execute()
            hold_until_success(tx, queue, "failures", note)

    def end(self, tx: Tx, queue: str) -> None:
        """Begin anew: something has succeeded."""
        if queue not in self._none_seen:
            seen = self._seen[queue]  # first: what is committed meanwhile may not be deleted here
            CoreFailure.delete().where(CoreFailure.queue == queue).execute()
            tx.after_commit(lambda: self._note_success(queue, seen))

    def _note_failure(self, queue: str) -> None:
        with self._lock:
            self._seen[queue] += 1
            self._none_seen.discard(queue)

    def _note_success(self, queue: str, seen: int) -> None:
        with self._lock:
            if self._seen[queue] == seen:
                self._none_seen.add(queue)


def _count(items: Collection[str], kind: str) -> int:
    return sum(item.startswith(f"{kind}:") for item in items)
