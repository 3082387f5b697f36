"""Lanes of jobs, which keys are now too; limits of jobs; progress; cancellation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from changemaker_core.db import Model, UtcField, UUIDField

if TYPE_CHECKING:
    import peewee


class Cancellation(Model):
    job_id = UUIDField(primary_key=True)
    at = UtcField()

    class Meta:
        table_name = "core_cancellation"


_COLUMNS = {
    "lane": "TEXT",
    "lane_position": "BIGINT",
    "progress_done": "BIGINT",
    "progress_total": "BIGINT",
    "progress_note": "TEXT",
}


def up(migrator: Any, db: peewee.Database) -> None:
    """Add the columns; a key becomes a lane with one job in it."""
    for name, kind in _COLUMNS.items():
        db.execute_sql(f"ALTER TABLE core_job ADD COLUMN {name} {kind}")
    db.execute_sql(
        "UPDATE core_job SET lane_position = 1, lane = CASE"
        " WHEN substr(dedupe_key, 1, 9) = 'schedule:' THEN dedupe_key"
        " ELSE 'key:' || dedupe_key END WHERE dedupe_key IS NOT NULL"
    )
    db.execute_sql("DROP INDEX core_job_dedupe_key")
    db.execute_sql("ALTER TABLE core_job DROP COLUMN dedupe_key")
    db.execute_sql(
        "CREATE UNIQUE INDEX core_job_lane ON core_job (lane, lane_position)"
        " WHERE lane_position IS NOT NULL"
    )
    db.execute_sql("CREATE INDEX core_job_leased ON core_job (name) WHERE lease IS NOT NULL")
    db.create_tables([Cancellation])


def down(migrator: Any, db: peewee.Database) -> None:
    """Remove them. Jobs that wait behind others in their lanes become due."""
    db.drop_tables([Cancellation])
    db.execute_sql("DROP INDEX core_job_leased")
    db.execute_sql("DROP INDEX core_job_lane")
    db.execute_sql("ALTER TABLE core_job ADD COLUMN dedupe_key TEXT")
    db.execute_sql("CREATE UNIQUE INDEX core_job_dedupe_key ON core_job (dedupe_key)")
    db.execute_sql(
        "UPDATE core_job SET due_at = wanted_at WHERE state = 'queued' AND due_at IS NULL"
    )
    for name in _COLUMNS:
        db.execute_sql(f"ALTER TABLE core_job DROP COLUMN {name}")
