"""Sessions that were read in the last seconds, so that most requests read none."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

from changemaker_core.db.tracking import tables_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core import Site
    from changemaker_core.db.tracking import Tags
    from changemaker_core.features.accounts.browser.queries import OpenSession

#: The tables that a session is read from.
TABLES: Final = frozenset({"accounts_session", "accounts_user"})
#: Seconds after which a session is read again, though nothing is known to have changed.
SECONDS: Final = 5.0
#: Sessions that a process remembers: a few megabytes.
MOST: Final = 4096


class _Entry(NamedTuple):
    session: OpenSession
    until: float


class SessionMemory:
    """Sessions by their token's hash. All are forgotten when a table they come from is written."""

    def __init__(self, site: Site, clock: Callable[[], float] = time.monotonic) -> None:
        self._changes = site.db.changes
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        #: Counts writes: what was read before one is not remembered after it.
        self.version = 0
        self._changes.subscribe(self._on_write)

    def find(self, token_hash: str) -> OpenSession | None:
        """Return a session that nothing has changed since it was read."""
        if token_hash not in self._entries:
            return None
        self._changes.check()  # SQLite: what other processes wrote
        entry = self._entries.get(token_hash)
        if entry is None or entry.until <= self._clock():
            return None
        return entry.session

    def keep(self, token_hash: str, session: OpenSession, version: int) -> None:
        """Remember ``session``, which was read when ``self.version`` was ``version``."""
        if version != self.version:
            return
        self._entries[token_hash] = _Entry(session, self._clock() + SECONDS)
        self._entries.move_to_end(token_hash)
        if len(self._entries) > MOST:
            self._entries.popitem(last=False)

    def _on_write(self, written: Tags) -> None:
        if written is None or not TABLES.isdisjoint(tables_of(written)):
            self.version += 1
            self._entries.clear()
