"""Links in mails: registrations, invitations, new passwords, sign-in, new addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core import Model, UtcField, UUIDField

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator


class User(Model):
    id = UUIDField(primary_key=True)

    class Meta:
        table_name = "accounts_user"


class Link(Model):
    id = UUIDField(primary_key=True)
    purpose = peewee.CharField(max_length=16)
    user = peewee.ForeignKeyField(User, lazy_load=False, null=True, on_delete="CASCADE")
    email = peewee.CharField(max_length=254)
    locale = peewee.CharField(max_length=8)
    return_to = peewee.TextField()
    created_at = UtcField()
    expires_at = UtcField(index=True)
    ended_at = UtcField(null=True)

    class Meta:
        table_name = "accounts_link"
        indexes = ((("email", "purpose"), False),)


TABLES = [Link]


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.create_tables(TABLES)


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.drop_tables(TABLES)
