"""What makes two messages the same is their text, and is decided when they are handed over.

Messages that may have been delivered get the key that ``emails/sameness.py`` makes today. Repeated
requests were rows of a table of their own, which held no message: it goes. Limits of a network can
be raised.
"""

from __future__ import annotations

import hashlib
import unicodedata
from typing import TYPE_CHECKING

import peewee

from changemaker_core import Model, UtcField, UUIDField

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator

TABLE = "influence_campaign_email"
ONE_PER_RECIPIENT = ("campaign_id", "sender_email", "recipient_email")
#: What the recipient reads, and whose message it is.
READ = (*ONE_PER_RECIPIENT, "sender_name", "postal_code", "subject", "body")
ROWS = 500
DELIVERED = ("SENDING", "SENT", "UNKNOWN")


class CampaignEmail(Model):
    id = UUIDField(primary_key=True)
    campaign_id = UUIDField()
    sender_name = peewee.CharField(max_length=200)
    sender_email = peewee.CharField(max_length=254)
    postal_code = peewee.CharField(max_length=100)
    recipient_email = peewee.CharField(max_length=254)
    subject = peewee.TextField()
    body = peewee.TextField()
    status = peewee.CharField(max_length=24)
    delivery_key = peewee.CharField(max_length=64, null=True)

    class Meta:
        table_name = TABLE


class EmailRepeat(Model):
    id = UUIDField(primary_key=True)
    email = peewee.ForeignKeyField(CampaignEmail, lazy_load=False, on_delete="CASCADE")
    action_id = UUIDField(index=True)
    created_at = UtcField()

    class Meta:
        table_name = "influence_email_repeat"


class RaisedLimit(Model):
    network = peewee.CharField(max_length=64, primary_key=True)
    people = peewee.IntegerField()
    until = UtcField()

    class Meta:
        table_name = "influence_raised_limit"


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    db.drop_tables([EmailRepeat])
    migrator.migrate(
        migrator.drop_index(TABLE, _index_name(db, ONE_PER_RECIPIENT)),
        migrator.add_column(TABLE, "delivery_key", peewee.CharField(max_length=64, null=True)),
        migrator.add_column(TABLE, "repeats", UUIDField(null=True)),
    )
    _fill()
    migrator.migrate(migrator.add_index(TABLE, ("delivery_key",), unique=True))
    db.create_tables([RaisedLimit])


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    """Undo it; fails where a sender has written to a recipient more than once in a campaign."""
    db.drop_tables([RaisedLimit])
    migrator.migrate(
        migrator.drop_index(TABLE, _index_name(db, ("delivery_key",))),
        migrator.drop_column(TABLE, "repeats"),
        migrator.drop_column(TABLE, "delivery_key"),
        migrator.add_index(TABLE, ONE_PER_RECIPIENT, unique=True),
    )
    db.create_tables([EmailRepeat])


def _index_name(db: peewee.Database, columns: tuple[str, ...]) -> str:
    names = (each.name for each in db.get_indexes(TABLE) if tuple(each.columns) == columns)
    return str(next(names))


def _fill() -> None:
    """Give their key to the messages that may have been delivered."""
    last = None
    while True:  # by id alone: with the status, SQLite would sort the whole table for each batch
        query = CampaignEmail.select().order_by(CampaignEmail.id).limit(ROWS)
        rows = list(query if last is None else query.where(CampaignEmail.id > last))
        for row in rows:
            if row.status not in DELIVERED:
                continue
            key = _key([str(getattr(row, column)) for column in READ])
            CampaignEmail.update(delivery_key=key).where(CampaignEmail.id == row.id).execute()
        if len(rows) < ROWS:
            return
        last = rows[-1].id


def _key(read: list[str]) -> str:
    folded = "\0".join(" ".join(unicodedata.normalize("NFC", each).split()) for each in read)
    return hashlib.sha256(folded.encode()).hexdigest()
