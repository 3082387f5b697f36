"""What was written after a commit is found by the commits' numbers: an index of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import peewee


def up(migrator: Any, db: peewee.Database) -> None:
    """Create it."""
    db.execute_sql("CREATE INDEX core_table_version_version ON core_table_version (version)")


def down(migrator: Any, db: peewee.Database) -> None:
    """Drop it."""
    db.execute_sql("DROP INDEX core_table_version_version")
