"""The versions of mail templates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core import Model, UtcField, UUIDField

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator


class Version(Model):
    id = UUIDField(primary_key=True)
    name = peewee.CharField(max_length=100)
    language = peewee.CharField(max_length=16)
    number = peewee.IntegerField()
    subject = peewee.TextField(null=True)
    text = peewee.TextField(null=True)
    shipped_hash = peewee.CharField(max_length=64)
    is_current = peewee.BooleanField()
    restores = peewee.IntegerField(null=True)
    changed_at = UtcField()
    changed_by = peewee.CharField(max_length=200)
    changed_by_id = peewee.CharField(max_length=64)

    class Meta:
        table_name = "mailtemplates_version"
        indexes = ((("name", "language", "number"), True),)


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.create_tables([Version])


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.drop_tables([Version])
