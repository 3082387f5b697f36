"""Users, refresh tokens, and delays after wrong passwords."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core import Model, UtcField, UUIDField

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator


class User(Model):
    id = UUIDField(primary_key=True)
    email = peewee.CharField(max_length=254, unique=True)
    name = peewee.CharField(max_length=200)
    password_hash = peewee.TextField()
    role = peewee.CharField(max_length=64)
    status = peewee.CharField(max_length=16)
    locale = peewee.CharField(max_length=8)
    created_at = UtcField()
    updated_at = UtcField()
    last_login_at = UtcField(null=True)

    class Meta:
        table_name = "accounts_user"


class RefreshToken(Model):
    id = UUIDField(primary_key=True)
    user = peewee.ForeignKeyField(User, lazy_load=False, on_delete="CASCADE")
    family = UUIDField(index=True)
    token_hash = peewee.CharField(max_length=64, unique=True)
    issued_at = UtcField()
    expires_at = UtcField(index=True)
    exchanged_at = UtcField(null=True)
    revoked_at = UtcField(null=True)

    class Meta:
        table_name = "accounts_refresh_token"


class LoginDelay(Model):
    key = peewee.CharField(max_length=64, primary_key=True)
    failures = peewee.IntegerField()
    not_before = UtcField()

    class Meta:
        table_name = "accounts_login_delay"


TABLES = [User, RefreshToken, LoginDelay]


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.create_tables(TABLES)


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.drop_tables(TABLES)
