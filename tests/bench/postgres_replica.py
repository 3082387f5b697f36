"""A streaming replica of a test's PostgreSQL server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core.testing.postgres import PostgresCluster

if TYPE_CHECKING:
    from collections.abc import Mapping


class PostgresReplica(PostgresCluster):
    """Follows ``primary``, which must be running when it starts.

    ``settings={"recovery_min_apply_delay": "10s"}`` has it lag by exactly so much.
    """

    def __init__(self, primary: PostgresCluster, settings: Mapping[str, str] = {}) -> None:
        super().__init__(settings)
        self._primary = primary

    def url_of(self, url: str) -> str:
        """Where the primary's database at ``url`` is found here."""
        return url.replace(f":{self._primary.port}/", f":{self.port}/")

    def _make(self) -> None:
        primary = ("-h", "127.0.0.1", "-p", str(self._primary.port), "-U", "postgres")
        self._command(
            "pg_basebackup", "-D", self._data, "-R", "-X", "stream", "-c", "fast", *primary
        )
