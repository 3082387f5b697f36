"""Create accounts_grant, create accounts_role."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core import JSONField, Model, UtcField, UUIDField

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator


class AccountsUser(Model):
    id = UUIDField(primary_key=True)

    class Meta:
        table_name = "accounts_user"


class Grant(Model):
    id = UUIDField(primary_key=True)
    user = peewee.ForeignKeyField(AccountsUser, index=False, lazy_load=False, on_delete="CASCADE")
    role = peewee.CharField(max_length=64, index=True)
    scope = peewee.CharField(max_length=100)
    object_id = peewee.CharField(max_length=64)
    created_by = peewee.CharField(max_length=64, null=True)
    created_at = UtcField()

    class Meta:
        table_name = "accounts_grant"
        indexes = ((("scope", "object_id"), False), (("user", "role", "scope", "object_id"), True))


class Role(Model):
    name = peewee.CharField(max_length=64, primary_key=True)
    description = peewee.CharField(max_length=300)
    permissions = JSONField()
    created_at = UtcField()
    updated_at = UtcField()

    class Meta:
        table_name = "accounts_role"


TABLES = [Grant, Role]


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.create_tables(TABLES)


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.drop_tables(TABLES)
