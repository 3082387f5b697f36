"""How many jobs of a queue are in a state is counted in an index, and not in the jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import peewee


def up(migrator: Any, db: peewee.Database) -> None:
    """Create it."""
    db.execute_sql("CREATE INDEX core_job_depth ON core_job (queue, state, wanted_at)")


def down(migrator: Any, db: peewee.Database) -> None:
    """Drop it."""
    db.execute_sql("DROP INDEX core_job_depth")
