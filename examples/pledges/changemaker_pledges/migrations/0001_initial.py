"""The table of pledges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core import Model, UtcField, UUIDField

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator


class Pledge(Model):
    id = UUIDField(primary_key=True)
    name = peewee.CharField(max_length=200)
    email = peewee.CharField(max_length=254, unique=True)
    created_at = UtcField()

    class Meta:
        table_name = "pledges_pledge"


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.create_tables([Pledge])


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.drop_tables([Pledge])
