"""Create influence_former_slug, and 3 more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core import Model, UtcField, UUIDField

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator


class InfluenceCampaign(Model):
    id = UUIDField(primary_key=True)

    class Meta:
        table_name = "influence_campaign"


class FormerSlug(Model):
    slug = peewee.CharField(max_length=80, primary_key=True)
    campaign = peewee.ForeignKeyField(InfluenceCampaign, lazy_load=False, on_delete="CASCADE")
    created_at = UtcField()

    class Meta:
        table_name = "influence_former_slug"


TABLES = [FormerSlug]


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.create_tables(TABLES)
    migrator.migrate(
        migrator.add_column(
            "influence_campaign",
            "cover_photo_alt",
            peewee.CharField(max_length=300, constraints=[peewee.SQL("DEFAULT ''")]),
            allow_not_null=True,
        ),
        migrator.add_column(
            "influence_campaign", "updated_by", peewee.CharField(max_length=64, null=True)
        ),
        migrator.add_column(
            "influence_campaign",
            "version",
            peewee.IntegerField(constraints=[peewee.SQL("DEFAULT 1")]),
            allow_not_null=True,
        ),
    )


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    migrator.migrate(
        migrator.drop_column("influence_campaign", "version"),
        migrator.drop_column("influence_campaign", "updated_by"),
        migrator.drop_column("influence_campaign", "cover_photo_alt"),
    )
    db.drop_tables(TABLES)
