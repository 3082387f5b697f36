"""Create events_event, create events_sign_up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core import Model, UtcField, UUIDField

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator


class Event(Model):
    id = UUIDField(primary_key=True)
    slug = peewee.CharField(max_length=100, unique=True)
    title = peewee.CharField(max_length=200)
    place = peewee.CharField(max_length=200)
    description = peewee.TextField()
    starts_at = UtcField(index=True)
    capacity = peewee.IntegerField()
    taken = peewee.IntegerField()
    created_at = UtcField()

    class Meta:
        table_name = "events_event"


class SignUp(Model):
    id = UUIDField(primary_key=True)
    event = peewee.ForeignKeyField(Event, index=False, lazy_load=False, on_delete="CASCADE")
    name = peewee.CharField(max_length=200)
    email = peewee.CharField(max_length=254)
    locale = peewee.CharField(max_length=8)
    created_at = UtcField()

    class Meta:
        table_name = "events_sign_up"
        indexes = ((("event", "email"), True),)


TABLES = [Event, SignUp]


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.create_tables(TABLES)


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.drop_tables(TABLES)
