"""Locks of PostgreSQL that a transaction holds until it ends."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import peewee

from changemaker_core.db.context import require_unit

if TYPE_CHECKING:
    from collections.abc import Iterable


def lock(names: Iterable[str]) -> None:
    """Hold the locks of these names until the running transaction ends.

    They are taken in the order of their numbers, so that two calls never wait for each other.
    SQLite has one writer anyway.
    """
    database = require_unit("a lock").database
    if isinstance(database, peewee.PostgresqlDatabase):
        for number in sorted({_number(name) for name in names}):
            database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (number,))


def _number(name: str) -> int:
    """Return a 64-bit number for a name. Two names with one number share a lock, which is safe."""
    digest = hashlib.blake2b(name.encode(), digest_size=8, person=b"cm-lock").digest()
    return int.from_bytes(digest, signed=True)
