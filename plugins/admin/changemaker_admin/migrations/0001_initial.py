"""Create admin_bulk_run, create admin_bulk_row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core import JSONField, Model, UtcField, UUIDField

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator


class BulkRun(Model):
    id = UUIDField(primary_key=True)
    screen = peewee.CharField(max_length=200)
    action = peewee.CharField(max_length=64)
    params = JSONField()
    arguments = JSONField()
    keys = JSONField(null=True)
    through = peewee.CharField(max_length=64)
    selected_to = peewee.CharField(max_length=64)
    objects = JSONField(null=True)
    state = peewee.CharField(max_length=16)
    total = peewee.IntegerField()
    done = peewee.IntegerField()
    failed = peewee.IntegerField()
    user_id = peewee.CharField(max_length=64)
    undoes = UUIDField(unique=True, null=True)
    created_at = UtcField(index=True)
    finished_at = UtcField(null=True)

    class Meta:
        table_name = "admin_bulk_run"


class BulkRow(Model):
    id = UUIDField(primary_key=True)
    run = peewee.ForeignKeyField(BulkRun, index=False, lazy_load=False, on_delete="CASCADE")
    key = peewee.CharField(max_length=64)
    state = peewee.CharField(max_length=16)
    error = JSONField(null=True)

    class Meta:
        table_name = "admin_bulk_row"
        indexes = ((("run", "state", "id"), False),)


TABLES = [BulkRun, BulkRow]


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.create_tables(TABLES)


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.drop_tables(TABLES)
