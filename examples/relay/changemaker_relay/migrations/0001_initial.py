"""The table of notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core import Model, UtcField

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator


class RelayNote(Model):
    id = peewee.AutoField()
    origin = peewee.TextField()
    number = peewee.IntegerField()
    text = peewee.TextField()
    received_at = UtcField()

    class Meta:
        table_name = "relay_note"
        indexes = ((("origin", "number"), True),)


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.create_tables([RelayNote])


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.drop_tables([RelayNote])
