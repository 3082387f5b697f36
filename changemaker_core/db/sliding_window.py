"""Limits that protect others: a maximum in any period, shared by all processes."""

from __future__ import annotations

import uuid
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
    """One use of a limit. ``key`` is a keyed hash, so that the table names no one."""

    id = UUIDField(primary_key=True, default=new_id)
    key = peewee.CharField(max_length=32)
    at = UtcField()
    amount = peewee.IntegerField()

    class Meta:
        table_name = "core_window"
        indexes = ((("key", "at"), False),)


class Use(msgspec.Struct, frozen=True):
    """An amount taken at a point in time."""

    at: datetime
    amount: int


@compiled(Use)
def uses(key: str) -> Query:
    """Return the uses of a window, the oldest first."""
    return Taken.select(Taken.at, Taken.amount).where(Taken.key == key).order_by(Taken.at)


class SlidingWindow:
    """At most ``limit`` in any ``period`` of up to 31 days, for each ``who``; exact across
    processes.

    >>> BY_ADDRESS = SlidingWindow("petitions.signer", 30, timedelta(hours=1))
    >>> BY_ADDRESS.take(tx, sender_address)
    """

    def __init__(self, name: str, limit: int, period: timedelta) -> None:
        self.name = name
        self.limit = limit
        self.period = period

    def take(self, tx: Tx, who: str, count: int = 1) -> None:
        """Use ``count`` of the limit, in the transaction. Raises :class:`LimitReached`."""
        key = tx.db.hash_who(self.name, who)
        now, taken = _open(tx, key, self.period)
        if sum(use.amount for use in taken) + count > self.limit:
            wait = _wait(taken, count, self.limit, self.period, now)
            raise LimitReached(self.name, wait, limit=self.limit, period=self.period)
        Taken.insert(key=key, at=now, amount=count).execute()


class DistinctWindow:
    """At most ``limit`` different members in any ``period``, for each ``who``; exact across
    processes.

    A member counts once, however often they come, until a ``period`` after they last came: forty
    people behind one network address are forty, and their letters do not matter.

    >>> PEOPLE = DistinctWindow("petitions.people", 60, timedelta(hours=1))
    >>> PEOPLE.take(tx, req.visitor, signer_address)
    """

    def __init__(self, name: str, limit: int, period: timedelta) -> None:
        self.name = name
        self.limit = limit
        self.period = period

    def take(self, tx: Tx, who: str, member: str, *, limit: int | None = None) -> None:
        """Count ``member``, in the transaction. Raises :class:`LimitReached` for one too many.

        ``limit`` is another limit for this ``who``.
        """
        key = tx.db.hash_who(self.name, who)
        now, taken = _open(tx, key, self.period)
        # The row of a member is found by its id, which is made from who they are.
        id = str(uuid.UUID(hex=tx.db.hash_who(f"{self.name}\0{who}", member)))
        if Taken.update(at=now).where(Taken.id == id).execute():
            return
        allowed = self.limit if limit is None else limit
        if len(taken) + 1 > allowed:
            wait = _wait(taken, 1, allowed, self.period, now)
            raise LimitReached(self.name, wait, limit=allowed, period=self.period)
        Taken.insert(id=id, key=key, at=now, amount=1).execute()


class Pace:
    """One use after another, an ``interval`` apart, for each ``who``; exact across processes.

    For what is beyond a limit, and is delayed instead of refused: whoever fills a limit then makes
    others wait, and keeps none of them out. No use is given a time later than ``longest``.

    >>> SLOWLY = Pace("petitions.slowly", timedelta(minutes=1), longest=timedelta(hours=4))
    >>> due_at = SLOWLY.take(tx, req.visitor)
    """

    def __init__(self, name: str, interval: timedelta, *, longest: timedelta) -> None:
        self.name = name
        self.interval = interval
        self.longest = longest

    def take(self, tx: Tx, who: str) -> datetime:
        """Return the time of the next use, which is an ``interval`` after the last one's, in the
        transaction. Raises :class:`LimitReached` where that is more than ``longest`` from now."""
        key = tx.db.hash_who(self.name, who)
        now, taken = _open(tx, key, self.interval)
        at = max(now, taken[-1].at if taken else now) + self.interval
        if at - now > self.longest:
            most = int(self.longest / self.interval)
            wait = at - now - self.longest
            raise LimitReached(self.name, wait, limit=most, period=self.longest)
        Taken.insert(key=key, at=at, amount=1).execute()
        return at


def _open(tx: Tx, key: str, period: timedelta) -> tuple[datetime, list[Use]]:
    """Lock a window, forget what has left it, and return the time and the uses that remain."""
    tx.lock(f"core.window:{key}")
    now = tx.db.clock()  # not tx.now: another transaction may have come first
    Taken.delete().where(Taken.key == key, Taken.at <= now - period).execute()
    return now, uses(key=key).all()


def _wait(taken: list[Use], count: int, limit: int, period: timedelta, now: datetime) -> timedelta:
    """Return how long it takes until enough of the uses have left the window."""
    excess = sum(use.amount for use in taken) + count - limit
    for use in taken:
        excess -= use.amount
        if excess <= 0:
            return max(use.at + period - now, timedelta(0))
    return period  # more than the limit at once never fits
