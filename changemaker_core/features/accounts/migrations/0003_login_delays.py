"""Delays after wrong passwords: one for each account and network, in place of one for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core import Model, UtcField

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator


class LoginDelayBefore(Model):
    key = peewee.CharField(max_length=64, primary_key=True)
    failures = peewee.IntegerField()
    not_before = UtcField()

    class Meta:
        table_name = "accounts_login_delay"


class LoginDelay(Model):
    key = peewee.CharField(max_length=64, primary_key=True)
    # The default is for processes of the version before, which run until the reload.
    account = peewee.CharField(max_length=64, index=True, constraints=[peewee.SQL("DEFAULT ''")])
    failures = peewee.IntegerField()
    not_before = UtcField()

    class Meta:
        table_name = "accounts_login_delay"


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    # Of the former delays nobody knows the network; each ends within fifteen minutes.
    db.drop_tables([LoginDelayBefore])
    db.create_tables([LoginDelay])


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.drop_tables([LoginDelay])
    db.create_tables([LoginDelayBefore])
