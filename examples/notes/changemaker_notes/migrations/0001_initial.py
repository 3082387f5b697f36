"""Create notes_note."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core import Model, UtcField, UUIDField

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator


class Note(Model):
    id = UUIDField(primary_key=True)
    text = peewee.CharField(max_length=500)
    written_at = UtcField()
    is_done = peewee.BooleanField()

    class Meta:
        table_name = "notes_note"
        indexes = ((("is_done", "written_at", "id"), False), (("is_done", "id"), False))


TABLES = [Note]


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.create_tables(TABLES)


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.drop_tables(TABLES)
