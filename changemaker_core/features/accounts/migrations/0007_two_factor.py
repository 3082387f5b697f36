"""Create accounts_recovery_code, create accounts_two_factor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core import Model, UtcField, UUIDField

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator


class AccountsUser(Model):
    id = UUIDField(primary_key=True)

    class Meta:
        table_name = "accounts_user"


class RecoveryCode(Model):
    id = UUIDField(primary_key=True)
    user = peewee.ForeignKeyField(AccountsUser, lazy_load=False, on_delete="CASCADE")
    code_hash = peewee.CharField(max_length=64)

    class Meta:
        table_name = "accounts_recovery_code"


class TwoFactor(Model):
    id = UUIDField(primary_key=True)
    user = peewee.ForeignKeyField(AccountsUser, unique=True, lazy_load=False, on_delete="CASCADE")
    secret = peewee.TextField()
    last_step = peewee.BigIntegerField()
    enabled_at = UtcField()

    class Meta:
        table_name = "accounts_two_factor"


TABLES = [RecoveryCode, TwoFactor]


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.create_tables(TABLES)


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.drop_tables(TABLES)
