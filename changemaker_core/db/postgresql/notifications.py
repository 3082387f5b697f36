"""Notifications of writes, and the state that a process derives from those that it received.

Every listener receives all notifications of a database, in the order of the commits. So what is
derived from them alone is the same in all processes, at the same point of that order.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from changemaker_core.db.tracking import channels_to_listen, channels_to_notify, tables_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from changemaker_core.db.tracking import Tags

#: Written in place of a list of tables when any may have been written.
ANY_TABLE = "*"
_PAYLOAD_BYTES = 7_900  # PostgreSQL's limit of a notification is 8,000


class Note(NamedTuple):
    """One notification: ``token`` is unique to the commit; ``written`` is what it wrote.

    A note without tables is a greeting: the sender has just started to listen.
    """

    token: str
    written: Tags

    @classmethod
    def read(cls, payload: str) -> Note:
        """Parse a payload. Raises ``ValueError`` for one of another program."""
        token, colon, names = payload.partition(":")
        if not (token and colon):
            raise ValueError(f"a notification of another program: {payload!r}")
        if names == ANY_TABLE:
            return cls(token, None)
        return cls(token, frozenset(names.split(",") if names else ()))

    def write(self) -> str:
        """Return the payload; tables that do not fit become ``ANY_TABLE``."""
        names = ANY_TABLE if self.written is None else ",".join(sorted(self.written))
        payload = f"{self.token}:{names}"
        fits = len(payload.encode()) <= _PAYLOAD_BYTES
        return payload if fits else f"{self.token}:{ANY_TABLE}"


class Positions:
    """For each table, a position in the primary's log by which its changes are complete.

    A position is read after the change was notified, so it lies behind the commit. Until it is
    known, and for everything at first and after a gap, there is none.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._floor: int | None = None
        self._floor_count = 0
        self._waiting: dict[str, int] = {}
        self._known: dict[str, int] = {}
        #: The primary's position when it was last read.
        self.latest = 0

    def forget(self) -> None:
        """Forget all positions: anything may have changed."""
        with self._lock:
            self._count += 1
            self._floor, self._floor_count = None, self._count
            self._waiting.clear()
            self._known.clear()

    def changed(self, written: frozenset[str]) -> None:
        """Record a commit that changed these tables, or rows of them."""
        with self._lock:
            self._count += 1
            self._waiting.update(dict.fromkeys(tables_of(written), self._count))

    def mark(self) -> int:
        """Return a mark, to be taken before the primary's position is read."""
        return self._count

    def settle(self, mark: int, position: int) -> None:
        """Record that all changes before ``mark`` lie before ``position``."""
        with self._lock:
            self.latest = position
            if self._floor is None and self._floor_count <= mark:
                self._floor = position
            for table in [name for name, count in self._waiting.items() if count <= mark]:
                self._known[table] = position
                del self._waiting[table]

    def of(self, tables: frozenset[str]) -> int | None:
        """Return the position that a replica must have reached for ``tables``; None if unknown."""
        names = tables_of(tables)
        with self._lock:
            if self._floor is None or not self._waiting.keys().isdisjoint(names):
                return None
            return max([self._floor, *(self._known.get(name, 0) for name in names)])


@dataclass(frozen=True, slots=True)
class Tokens:
    """The token of the last commit notified on each channel, beginning with an ``epoch``.

    Equal digests in two processes mean that both know the same changes to what was read.
    """

    epoch: str = ""
    of: Mapping[str, str] = field(default_factory=dict)

    def after(self, note: Note) -> Tokens:
        """Return the tokens after ``note``. One of any table, and a greeting, begin anew."""
        if not note.written:
            return Tokens(note.token)
        changed = dict.fromkeys(channels_to_notify(note.written), note.token)
        return Tokens(self.epoch, {**self.of, **changed})

    def digest(self, tags: frozenset[str]) -> bytes | None:
        """Return 16 bytes for the state of ``tags``; None while nothing is known."""
        if not self.epoch:
            return None
        channels = sorted(channels_to_listen(tags))
        parts = [self.epoch, *(f"{channel}={self.of.get(channel, '')}" for channel in channels)]
        return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).digest()


class Notified:
    """The state derived from notifications: written by the listener's thread, read by any."""

    def __init__(self) -> None:
        self.positions = Positions()
        self.tokens = Tokens()

    def note(self, note: Note) -> None:
        """Record one notification, of this process or of another."""
        if note.written is None:
            self.positions.forget()
        else:
            self.positions.changed(note.written)
        self.tokens = self.tokens.after(note)

    def forget(self) -> None:
        """Forget the state: notifications may have been missed."""
        self.positions.forget()
        self.tokens = Tokens()
