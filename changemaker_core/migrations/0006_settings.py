"""What organisers set while the site runs, and its versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core.db import JSONField, Model, UtcField, UUIDField, new_id

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator


class Settings(Model):
    name = peewee.CharField(max_length=80, primary_key=True)
    version = peewee.IntegerField()
    data = JSONField()
    changed_at = UtcField()
    changed_by = peewee.CharField(max_length=64)
    changed_by_name = peewee.CharField(max_length=200)

    class Meta:
        table_name = "core_settings"


class SettingsVersion(Model):
    id = UUIDField(primary_key=True, default=new_id)
    name = peewee.CharField(max_length=80)
    version = peewee.IntegerField()
    data = JSONField()
    changed_at = UtcField()
    changed_by = peewee.CharField(max_length=64)
    changed_by_name = peewee.CharField(max_length=200)
    restores = peewee.IntegerField(null=True)

    class Meta:
        table_name = "core_settings_version"
        indexes = ((("name", "version"), True),)


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    """Create the tables."""
    db.create_tables([Settings, SettingsVersion])


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    """Drop them: the site has its configuration and the defaults again."""
    db.drop_tables([SettingsVersion, Settings])
