"""The statements on ``core_beat``, run inside of a unit of work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from changemaker_core.db.fields import read_utc, utc_text
from changemaker_core.jobs.statements import is_postgresql, run

if TYPE_CHECKING:
    from datetime import datetime

_READ = "SELECT number, at FROM core_beat WHERE queue = ?"

_ENSURE = "INSERT INTO core_beat (queue, number) VALUES (?, 0) ON CONFLICT DO NOTHING"

_SAVE = "UPDATE core_beat SET number = ?, at = ? WHERE queue = ?"

_ADVANCE = """
UPDATE core_beat SET number = number + 1
WHERE queue = ? AND NOT EXISTS (SELECT 1 FROM core_hold WHERE core_hold.queue = ?)
RETURNING number, at"""


@dataclass(frozen=True, slots=True)
class Beat:
    """A guarded queue's number, and when somebody last worked for it; never, where it is None."""

    number: int
    at: datetime | None


#: Of a queue for which nobody has ever worked.
NEVER = Beat(-1, None)


def read(queue: str) -> Beat:
    """The queue's beat as it is."""
    return _beat(run(_READ, queue).fetchone()) or NEVER


def locked(queue: str) -> Beat:
    """The queue's beat, which only this transaction can change until it ends."""
    run(_ENSURE, queue)
    lock = " FOR UPDATE" if is_postgresql() else ""  # SQLite has one writer anyway
    return _beat(run(_READ + lock, queue).fetchone()) or NEVER


def save(queue: str, number: int, now: datetime) -> None:
    """Set both."""
    run(_SAVE, number, utc_text(now), queue)


def advance(queue: str) -> Beat | None:
    """Count one more; None where the queue is held, or nobody has ever worked for it."""
    return _beat(run(_ADVANCE, queue, queue).fetchone())


def _beat(row: tuple[int, str | datetime | None] | None) -> Beat | None:
    if row is None:
        return None
    number, at = row
    return Beat(number, None if at is None else read_utc(at))
