"""Sessions of browsers and of the API are rows of one table; API keys.

Sessions that are open end: a refresh token was stored in another way. People sign in again.
"""

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


class SessionBefore(Model):
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


class FlashBefore(Model):
    id = UUIDField(primary_key=True)
    session = peewee.ForeignKeyField(SessionBefore, lazy_load=False, on_delete="CASCADE")
    kind = peewee.CharField(max_length=16)
    message = peewee.TextField()
    params = JSONField()

    class Meta:
        table_name = "accounts_flash"


class RefreshTokenBefore(Model):
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


class Session(Model):
    id = UUIDField(primary_key=True)
    user = peewee.ForeignKeyField(User, lazy_load=False, on_delete="CASCADE")
    kind = peewee.CharField(max_length=16)
    token_hash = peewee.CharField(max_length=64, unique=True, null=True)
    created_at = UtcField()
    signed_in_at = UtcField()
    seen_at = UtcField()
    expires_at = UtcField(index=True)
    address = peewee.CharField(max_length=64)
    user_agent = peewee.CharField(max_length=300)

    class Meta:
        table_name = "accounts_session"


class Flash(Model):
    id = UUIDField(primary_key=True)
    session = peewee.ForeignKeyField(Session, lazy_load=False, on_delete="CASCADE")
    kind = peewee.CharField(max_length=16)
    message = peewee.TextField()
    params = JSONField()

    class Meta:
        table_name = "accounts_flash"


class RefreshToken(Model):
    id = UUIDField(primary_key=True)
    session = peewee.ForeignKeyField(Session, lazy_load=False, on_delete="CASCADE")
    token_hash = peewee.CharField(max_length=64, unique=True)
    issued_at = UtcField()
    expires_at = UtcField(index=True)
    exchanged_at = UtcField(null=True)

    class Meta:
        table_name = "accounts_refresh_token"


class ApiKey(Model):
    id = UUIDField(primary_key=True)
    user = peewee.ForeignKeyField(User, lazy_load=False, on_delete="CASCADE")
    name = peewee.CharField(max_length=100)
    key_hash = peewee.CharField(max_length=64, unique=True)
    beginning = peewee.CharField(max_length=16)
    permissions = JSONField()
    created_at = UtcField()
    expires_at = UtcField(null=True)
    last_used_at = UtcField(null=True)

    class Meta:
        table_name = "accounts_api_key"


BEFORE = [SessionBefore, FlashBefore, RefreshTokenBefore]
AFTER = [Session, Flash, RefreshToken, ApiKey]


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.drop_tables(BEFORE)
    db.create_tables(AFTER)


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.drop_tables(AFTER)
    db.create_tables(BEFORE)
