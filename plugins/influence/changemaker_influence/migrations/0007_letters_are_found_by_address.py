"""Letters are found by the addresses of those who write and of those who are written to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import peewee
    from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(
        migrator.add_index("influence_campaign_email", ("recipient_email",)),
        migrator.add_index("influence_campaign_email", ("sender_email",)),
    )


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(
        migrator.drop_index("influence_campaign_email", "influence_campaign_email_sender_email"),
        migrator.drop_index("influence_campaign_email", "influence_campaign_email_recipient_email"),
    )
