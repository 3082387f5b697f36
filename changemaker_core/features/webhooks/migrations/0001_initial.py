"""Endpoints of webhooks, and their deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core import JSONField, Model, UtcField, UUIDField

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator


class Endpoint(Model):
    id = UUIDField(primary_key=True)
    url = peewee.TextField()
    description = peewee.CharField(max_length=200)
    events = JSONField()
    status = peewee.CharField(max_length=16)
    status_reason = peewee.TextField()
    secret = peewee.TextField()
    previous_secret = peewee.TextField(null=True)
    previous_until = UtcField(null=True)
    failing_since = UtcField(null=True)
    failures = peewee.IntegerField()
    created_at = UtcField()
    owner_id = peewee.CharField(max_length=64, null=True)

    class Meta:
        table_name = "webhooks_endpoint"


class Delivery(Model):
    id = UUIDField(primary_key=True)
    endpoint = peewee.ForeignKeyField(Endpoint, lazy_load=False, on_delete="CASCADE", index=False)
    position = peewee.BigIntegerField(null=True)
    message_id = peewee.CharField(max_length=64)
    event = peewee.CharField(max_length=100)
    body = peewee.TextField()
    state = peewee.CharField(max_length=16)
    created_at = UtcField()
    attempts = peewee.IntegerField()
    attempted_at = UtcField(null=True)
    status_code = peewee.IntegerField(null=True)
    milliseconds = peewee.IntegerField(null=True)
    error = peewee.TextField()
    response = peewee.TextField()

    class Meta:
        table_name = "webhooks_delivery"


Delivery.add_index(Delivery.endpoint, Delivery.position, name="webhooks_delivery_position")
Delivery.add_index(
    Delivery.endpoint,
    Delivery.position,
    where=peewee.SQL("state = 'waiting'"),
    name="webhooks_delivery_waiting",
)
Delivery.add_index(Delivery.created_at, name="webhooks_delivery_created_at")

TABLES = [Endpoint, Delivery]


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.create_tables(TABLES)


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.drop_tables(TABLES)
