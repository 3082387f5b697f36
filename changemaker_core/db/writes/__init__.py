"""Compiled writes: inserts, updates and deletes whose SQL is built once.

Building the SQL of a write costs many times as much as running it, and the text is nearly always
one that was built before. ``queries.py`` takes a plain write apart into its *pattern* and its
values; ``patterns.py`` has peewee build the SQL of each pattern once, and binds values to it. SQL
of all other writes is built by peewee each time. Many rows at once are ``bulk.py``.
"""

from __future__ import annotations

from changemaker_core.db.writes.bulk import BulkInsert, OnConflict, execute_many
from changemaker_core.db.writes.patterns import CompiledWrite
from changemaker_core.db.writes.queries import Delete, Insert, PlainWrite, Update

__all__ = [
    "BulkInsert",
    "CompiledWrite",
    "Delete",
    "Insert",
    "OnConflict",
    "PlainWrite",
    "Update",
    "execute_many",
]
