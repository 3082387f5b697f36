"""Goals, who is ticked at first, a text of thanks, and tallies by time and recipient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core import JSONField, Model, UtcField, UUIDField

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator

CAMPAIGN = "influence_campaign"
EMAIL = "influence_campaign_email"
RECIPIENT = "influence_custom_recipient"
#: The beginning of the half hour in which a message was sent.
_PERIOD = {
    True: "to_timestamp(floor(extract(epoch FROM sent_at) / 1800) * 1800)",
    False: "strftime('%Y-%m-%dT%H:', sent_at)"
    " || CASE WHEN strftime('%M', sent_at) < '30' THEN '00' ELSE '30' END || ':00.000000+00:00'",
}


class Campaign(Model):
    id = UUIDField(primary_key=True)

    class Meta:
        table_name = CAMPAIGN


class SentInPeriod(Model):
    campaign = peewee.ForeignKeyField(Campaign, lazy_load=False, on_delete="CASCADE", index=False)
    period = UtcField()
    sent = peewee.BigIntegerField()

    class Meta:
        table_name = "influence_sent_in_period"
        primary_key = peewee.CompositeKey("campaign", "period")


class SentToRecipient(Model):
    id = UUIDField(primary_key=True)
    campaign = peewee.ForeignKeyField(Campaign, lazy_load=False, on_delete="CASCADE", index=False)
    recipient = peewee.CharField(max_length=254, index=True)
    name = peewee.CharField(max_length=200)
    level = peewee.CharField(max_length=16)
    district = peewee.CharField(max_length=200)
    sent = peewee.BigIntegerField()

    class Meta:
        table_name = "influence_sent_to_recipient"
        indexes = (
            (("campaign", "recipient"), True),
            (("campaign", "sent"), False),
            (("campaign", "level", "district", "sent"), False),
        )


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    """Add them, and count the messages that were sent: their ridings were not stored."""
    # Processes of the version before, which run until the reload, write rows without these.
    first = peewee.CharField(max_length=8, constraints=[peewee.SQL("DEFAULT 'FIRST'")])
    thanks = peewee.TextField(constraints=[peewee.SQL("DEFAULT ''")])
    migrator.migrate(
        migrator.add_column(CAMPAIGN, "goal", peewee.IntegerField(null=True)),
        migrator.add_column(CAMPAIGN, "preselected", first, allow_not_null=True),
        migrator.add_column(CAMPAIGN, "preselected_levels", JSONField(null=True)),
        migrator.add_column(CAMPAIGN, "thank_you", thanks, allow_not_null=True),
        migrator.add_column(
            EMAIL, "recipient_district", peewee.CharField(max_length=200, null=True)
        ),
        migrator.add_column(RECIPIENT, "updated_at", UtcField(null=True)),
        migrator.add_column(RECIPIENT, "updated_by", peewee.CharField(max_length=64, null=True)),
        migrator.add_column(EMAIL, "edited", peewee.BooleanField(null=True)),
    )
    db.create_tables([SentInPeriod, SentToRecipient])
    count_sent(db, postgresql=isinstance(db, peewee.PostgresqlDatabase))


def count_sent(db: peewee.Database, *, postgresql: bool) -> None:
    """Count the messages that were sent, by time and recipient."""
    period = _PERIOD[postgresql]
    db.execute_sql(
        "INSERT INTO influence_sent_in_period (campaign_id, period, sent)"  # noqa: S608  # ours
        f" SELECT campaign_id, {period}, COUNT(*) FROM influence_campaign_email"
        " WHERE status = 'SENT' AND sent_at IS NOT NULL GROUP BY 1, 2"
    )
    least = "MIN(CAST(id AS TEXT))::uuid" if postgresql else "MIN(id)"  # any: one of the group
    db.execute_sql(
        "INSERT INTO influence_sent_to_recipient"  # noqa: S608  # ours
        " (id, campaign_id, recipient, name, level, district, sent)"
        f" SELECT {least}, campaign_id, recipient_email, MAX(recipient_name),"
        " COALESCE(MAX(recipient_level), ''), '', COUNT(*) FROM influence_campaign_email"
        " WHERE status = 'SENT' AND recipient_email <> '' GROUP BY campaign_id, recipient_email"
    )


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    """Drop them."""
    db.drop_tables([SentToRecipient, SentInPeriod])
    migrator.migrate(
        migrator.drop_column(EMAIL, "edited"),
        migrator.drop_column(RECIPIENT, "updated_by"),
        migrator.drop_column(RECIPIENT, "updated_at"),
        migrator.drop_column(EMAIL, "recipient_district"),
        migrator.drop_column(CAMPAIGN, "thank_you"),
        migrator.drop_column(CAMPAIGN, "preselected_levels"),
        migrator.drop_column(CAMPAIGN, "preselected"),
        migrator.drop_column(CAMPAIGN, "goal"),
    )
