"""Users: telephone, verification, temporary accounts, and accounts without a password."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core import UtcField

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(
        migrator.add_column("accounts_user", "email_verified_at", UtcField(null=True)),
        migrator.add_column(
            "accounts_user",
            "phone",
            peewee.CharField(max_length=32, constraints=[peewee.SQL("DEFAULT ''")]),
            allow_not_null=True,
        ),
        migrator.drop_not_null("accounts_user", "password_hash"),
        migrator.add_column("accounts_user", "expires_at", UtcField(null=True)),
        migrator.add_column(
            "accounts_user", "created_by", peewee.CharField(max_length=64, null=True)
        ),
        migrator.add_index("accounts_user", ("expires_at",)),
        migrator.add_index("accounts_user", ("role", "id")),
        migrator.add_index("accounts_user", ("status", "id")),
    )


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    # Without their end, temporary accounts would be open for ever.
    db.execute_sql("UPDATE accounts_user SET status = 'SUSPENDED' WHERE expires_at IS NOT NULL")
    migrator.migrate(
        migrator.drop_index("accounts_user", "accounts_user_status_id"),
        migrator.drop_index("accounts_user", "accounts_user_role_id"),
        migrator.drop_index("accounts_user", "accounts_user_expires_at"),
        migrator.drop_column("accounts_user", "created_by"),
        migrator.drop_column("accounts_user", "expires_at"),
        migrator.fill("accounts_user", "password_hash", ""),
        migrator.add_not_null("accounts_user", "password_hash"),
        migrator.drop_column("accounts_user", "phone"),
        migrator.drop_column("accounts_user", "email_verified_at"),
    )
