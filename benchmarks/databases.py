"""A PostgreSQL server of the benchmarks' own, as safe as one in use, on the clients' core."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import psycopg2

from benchmarks import machine
from changemaker_core.testing.postgres import PostgresCluster

#: Tests switch these off; here a commit is to survive a power cut, on both sides.
_SAFE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


class Postgresql:
    """Started at once, stopped by ``close``."""

    def __init__(self) -> None:
        self._cluster = PostgresCluster()
        self._cluster.start()
        with contextlib.closing(psycopg2.connect(self.database())) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for name, value in _SAFE.items():
                    cursor.execute(f"ALTER SYSTEM SET {name} = {value}")
                cursor.execute("SELECT pg_reload_conf()")
                cursor.execute("SHOW data_directory")
                folder = Path(cursor.fetchone()[0])  # type: ignore[index]  # one row always
        self.pid = int((folder / "postmaster.pid").read_text().split("\n", 1)[0])
        for pid in machine.tree(self.pid):
            os.sched_setaffinity(pid, {machine.cores()[1]})

    def database(self) -> str:
        """A new empty database; its URL."""
        return self._cluster.create_database()

    def close(self) -> None:
        """Stop the server and delete what it held."""
        self._cluster.stop()


def postgresql() -> Postgresql | None:
    """A running server, or None where PostgreSQL is not installed."""
    return Postgresql() if PostgresCluster.find() else None
