"""Drop the index events_event_starts_at, and 2 more."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import peewee
    from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(
        migrator.drop_index("events_event", "events_event_starts_at"),
        migrator.add_index("events_event", ("starts_at", "id")),
        migrator.add_index("events_sign_up", ("event_id", "id")),
    )


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(
        migrator.drop_index("events_sign_up", "events_sign_up_event_id_id"),
        migrator.drop_index("events_event", "events_event_starts_at_id"),
        migrator.add_index("events_event", ("starts_at",)),
    )
