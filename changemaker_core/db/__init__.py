"""The database room: models, units of work, compiled queries, migrations, changes, limits.

The way of ``await db.write(fn)`` to the commit and back:

1. ``Database.write`` (``database.py``) makes a ``Work`` (``work.py``) of the call, and the engine
   queues it for a thread (``threads.py``).
2. On SQLite all writes that wait run in one transaction of the writer thread
   (``sqlite/writer.py``); on PostgreSQL each has a transaction and a thread of a pool
   (``postgresql/engine.py``).
3. ``Work.run`` calls ``fn`` with a ``Tx`` inside a ``Unit`` (``context.py``), to which each
   statement is reported: ``tracking/`` finds out which tables and rows it writes.
4. With the commit, other processes are notified: by version numbers in the file
   (``sqlite/versions.py``), or by ``NOTIFY`` (``postgresql/notifications.py``).
5. ``release`` (``work.py``) notifies this process's subscribers, and then hands over the result.
"""

from __future__ import annotations

from changemaker_core.db.context import read_tags
from changemaker_core.db.database import Database, Effects, SyncDatabase, Tx
from changemaker_core.db.errors import (
    DatabaseClosed,
    DatabaseRefused,
    DatabaseUnavailable,
    InvalidId,
    LimitReached,
    MigrationFailed,
    MomentOutOfRange,
    NaiveDatetime,
    NestedUnitOfWork,
    OutsideUnitOfWork,
    QueryRefused,
    RowNotFound,
)
from changemaker_core.db.fields import JSONField, UtcField, UUIDField
from changemaker_core.db.ids import new_id, utcnow
from changemaker_core.db.migrations import MigrationFolder
from changemaker_core.db.model import Model, check_models
from changemaker_core.db.postgresql.settings import PoolSettings
from changemaker_core.db.reads import Bound, Compiled, KeysetQuery, Query, compiled, dialect
from changemaker_core.db.reads.search import search
from changemaker_core.db.sliding_window import DistinctWindow, Pace, SlidingWindow
from changemaker_core.db.tracking import tables_of

__all__ = [
    "Bound",
    "Compiled",
    "Database",
    "DatabaseClosed",
    "DatabaseRefused",
    "DatabaseUnavailable",
    "DistinctWindow",
    "Effects",
    "InvalidId",
    "JSONField",
    "KeysetQuery",
    "LimitReached",
    "MigrationFailed",
    "MigrationFolder",
    "Model",
    "MomentOutOfRange",
    "NaiveDatetime",
    "NestedUnitOfWork",
    "OutsideUnitOfWork",
    "Pace",
    "PoolSettings",
    "Query",
    "QueryRefused",
    "RowNotFound",
    "SlidingWindow",
    "SyncDatabase",
    "Tx",
    "UUIDField",
    "UtcField",
    "check_models",
    "compiled",
    "dialect",
    "new_id",
    "read_tags",
    "search",
    "tables_of",
    "utcnow",
]
