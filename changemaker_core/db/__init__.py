"""The database room: models, units of work, compiled queries, migrations, changes, limits."""

from __future__ import annotations

from changemaker_core.db.context import read_tables
from changemaker_core.db.database import Database, Effects, SyncDatabase, Tx
from changemaker_core.db.errors import (
    DatabaseClosed,
    DatabaseUnavailable,
    InvalidId,
    LimitReached,
    MigrationFailed,
    NaiveDatetime,
    NestedUnitOfWork,
    OutsideUnitOfWork,
    QueryRefused,
)
from changemaker_core.db.fields import JSONField, UtcField, UUIDField
from changemaker_core.db.ids import new_id, utcnow
from changemaker_core.db.migrations import MigrationFolder
from changemaker_core.db.model import Model, check_models
from changemaker_core.db.postgresql.settings import PoolSettings
from changemaker_core.db.reads import Bound, Compiled, Query, compiled
from changemaker_core.db.sliding_window import SlidingWindow
from changemaker_core.db.tracking import tables_of

__all__ = [
    "Bound",
    "Compiled",
    "Database",
    "DatabaseClosed",
    "DatabaseUnavailable",
    "Effects",
    "InvalidId",
    "JSONField",
    "LimitReached",
    "MigrationFailed",
    "MigrationFolder",
    "Model",
    "NaiveDatetime",
    "NestedUnitOfWork",
    "OutsideUnitOfWork",
    "PoolSettings",
    "Query",
    "QueryRefused",
    "SlidingWindow",
    "SyncDatabase",
    "Tx",
    "UUIDField",
    "UtcField",
    "check_models",
    "compiled",
    "new_id",
    "read_tables",
    "tables_of",
    "utcnow",
]
