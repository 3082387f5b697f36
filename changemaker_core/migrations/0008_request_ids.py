"""Jobs with the request that they began with, so that its id is in their lines of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import peewee


def up(migrator: Any, db: peewee.Database) -> None:
    """Add the column."""
    db.execute_sql("ALTER TABLE core_job ADD COLUMN request_id TEXT")


def down(migrator: Any, db: peewee.Database) -> None:
    """Remove it."""
    db.execute_sql("ALTER TABLE core_job DROP COLUMN request_id")
