"""Browser sessions, and the messages that they show once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core import JSONField, Model, UtcField, UUIDField

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator


class User(Model):
    id = UUIDField(primary_key=True)

    class Meta:
        table_name = "accounts_user"


class BrowserSession(Model):
    id = UUIDField(primary_key=True)
    user = peewee.ForeignKeyField(User, lazy_load=False, on_delete="CASCADE")
    token_hash = peewee.CharField(max_length=64, unique=True)
    created_at = UtcField()
    seen_at = UtcField()
    expires_at = UtcField(index=True)
    address = peewee.CharField(max_length=64)
    user_agent = peewee.CharField(max_length=300)

    class Meta:
        table_name = "accounts_session"


class FlashRow(Model):
    id = UUIDField(primary_key=True)
    session = peewee.ForeignKeyField(BrowserSession, lazy_load=False, on_delete="CASCADE")
    kind = peewee.CharField(max_length=16)
    message = peewee.TextField()
    params = JSONField()

    class Meta:
        table_name = "accounts_flash"


TABLES = [BrowserSession, FlashRow]


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.create_tables(TABLES)


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.drop_tables(TABLES)
