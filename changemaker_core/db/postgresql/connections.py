"""One connection for each thread to one PostgreSQL server, and what its loss looks like."""

from __future__ import annotations

from typing import Any

from changemaker_core.db.postgresql.begin import BeginsLate
from changemaker_core.db.postgresql.errors import explain


class Connections:
    """The connections of a pool of threads, each kept until it turns out to be dead."""

    def __init__(self, url: str) -> None:
        self.database = BeginsLate(url)

    def raw(self) -> Any:
        """The driver's connection of the calling thread."""
        return self.database.raw()

    def is_dead(self) -> bool:
        """Whether this thread's connection is lost."""
        return self.database.is_closed() or self.raw().closed != 0

    def connect(self) -> None:
        """Connect this thread, anew if its connection is lost."""
        if not self.database.is_closed():
            if self.raw().closed == 0:
                return
            self.close()
        self.database.connect()

    def close(self) -> None:
        """Hang up, for the calling thread."""
        if not self.database.is_closed():
            self.database.close()

    def explain(self, error: BaseException) -> BaseException:
        """``error``, or that the database is unavailable where it is for that."""
        return explain(error, self.is_dead())
