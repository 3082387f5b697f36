"""Limits that protect others: at most so many in any period, the same for every process."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import peewee

from changemaker_core.db.errors import LimitReached
from changemaker_core.db.fields import UtcField, UUIDField
from changemaker_core.db.ids import new_id
from changemaker_core.db.model import Model
from changemaker_core.db.reads import Query, compiled

if TYPE_CHECKING:
    from changemaker_core.db.database import Tx


class Taken(Model):
    """One use of a limit. ``key`` is a keyed hash: the table does not say who."""

    id = UUIDField(primary_key=True, default=new_id)
    key = peewee.CharField(max_length=32)
    at = UtcField()
    amount = peewee.IntegerField()

    class Meta:
        table_name = "core_window"
        indexes = ((("key", "at"), False),)


class Use(msgspec.Struct, frozen=True):
    """So much was taken at that moment."""

    at: datetime
    amount: int


@compiled(Use)
def uses(key: str) -> Query:
    """What was taken of a window, the oldest first."""
    return Taken.select(Taken.at, Taken.amount).where(Taken.key == key).order_by(Taken.at)


class SlidingWindow:
    """At most ``limit`` in any ``period``, for each ``who``; exact between processes.

    >>> BY_ADDRESS = SlidingWindow("petitions.signer", 30, timedelta(hours=1))
    >>> BY_ADDRESS.take(tx, sender_address)
    """

    def __init__(self, name: str, limit: int, period: timedelta) -> None:
        self.name = name
        self.limit = limit
        self.period = period

    def take(self, tx: Tx, who: str, count: int = 1) -> None:
        """Use ``count`` of the limit, in the transaction; raises :class:`LimitReached`."""
        key = tx.db.hash_who(self.name, who)
        _take_turns(tx, key)
        now = tx.db.clock()  # not tx.now: another may have had the turn since
        Taken.delete().where(Taken.key == key, Taken.at <= now - self.period).execute()
        taken = uses(key=key).all()
        if sum(use.amount for use in taken) + count > self.limit:
            raise LimitReached(self.name, self._wait(taken, count, now))
        Taken.insert(key=key, at=now, amount=count).execute()

    def _wait(self, taken: list[Use], count: int, now: datetime) -> timedelta:
        """How long until enough of what was taken has left the window."""
        excess = sum(use.amount for use in taken) + count - self.limit
        for use in taken:
            excess -= use.amount
            if excess <= 0:
                return max(use.at + self.period - now, timedelta(0))
        return self.period  # more than the limit at once never fits


def _take_turns(tx: Tx, key: str) -> None:
    """One transaction at a time for each key. SQLite has one writer anyway."""
    if tx.dialect == "postgresql":
        number = int.from_bytes(bytes.fromhex(key[:16]), signed=True)
        tx.database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (number,))
