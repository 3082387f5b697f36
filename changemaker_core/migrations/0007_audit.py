"""The audit log. Of an entry, only its place in the chain can be set, once; none is deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core.db import Model, UtcField, UUIDField

if TYPE_CHECKING:
    from playhouse.migrate import SchemaMigrator


class Entry(Model):
    id = UUIDField(primary_key=True)
    at = UtcField()
    action = peewee.CharField(max_length=100)
    object_id = peewee.CharField(max_length=200)
    actor_kind = peewee.CharField(max_length=16)
    actor_id = peewee.CharField(max_length=200)
    request_id = peewee.CharField(max_length=64)
    details = peewee.TextField()
    position = peewee.BigIntegerField(null=True)
    hash = peewee.CharField(max_length=64, null=True)

    class Meta:
        table_name = "core_audit_entry"
        indexes = (
            (("at", "id"), False),
            (("action", "at", "id"), False),
            (("object_id", "at", "id"), False),
            (("actor_id", "at", "id"), False),
        )


Entry.add_index(Entry.id, where=peewee.SQL("position IS NULL"), name="core_audit_entry_open")
Entry.add_index(
    Entry.position,
    unique=True,
    where=peewee.SQL("position IS NOT NULL"),
    name="core_audit_entry_position",
)


class Personal(Model):
    commitment = peewee.CharField(max_length=64, primary_key=True)
    entry = UUIDField(index=True)
    at = UtcField(index=True)
    person = peewee.CharField(max_length=320, index=True)
    salt = peewee.CharField(max_length=32)
    value = peewee.TextField()

    class Meta:
        table_name = "core_audit_personal"


Personal.add_index(
    peewee.fn.SUBSTR(Personal.value, peewee.SQL("1"), peewee.SQL("100")),
    name="core_audit_personal_value",
)


class Head(Model):
    name = peewee.CharField(max_length=16, primary_key=True)
    position = peewee.BigIntegerField()
    hash = peewee.CharField(max_length=64)
    signature = peewee.CharField(max_length=500)
    sealed_at = UtcField()

    class Meta:
        table_name = "core_audit_head"


_FIXED = ("id", "at", "action", "object_id", "actor_kind", "actor_id", "request_id", "details")
_REFUSAL = "the audit log is append-only"
#: Whether an update does more than to give an open entry its place in the chain.
_FORBIDDEN = "OLD.position IS NOT NULL OR " + " OR ".join(
    f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in _FIXED
)

_SQLITE = (
    f"""CREATE TRIGGER core_audit_entry_update BEFORE UPDATE ON core_audit_entry
    WHEN {_FORBIDDEN.replace("IS DISTINCT FROM", "IS NOT")}
    BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END""",
    f"""CREATE TRIGGER core_audit_entry_delete BEFORE DELETE ON core_audit_entry
    BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END""",
)
_POSTGRESQL = (
    f"""CREATE FUNCTION core_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $refuse$
    BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $refuse$""",
    f"""CREATE TRIGGER core_audit_entry_update BEFORE UPDATE ON core_audit_entry FOR EACH ROW
    WHEN ({_FORBIDDEN}) EXECUTE FUNCTION core_audit_refuse()""",
    """CREATE TRIGGER core_audit_entry_delete BEFORE DELETE ON core_audit_entry FOR EACH ROW
    EXECUTE FUNCTION core_audit_refuse()""",
)


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    """Create the tables, and the triggers that protect the entries."""
    db.create_tables([Entry, Personal, Head])
    is_sqlite = isinstance(db, peewee.SqliteDatabase)
    for statement in _SQLITE if is_sqlite else _POSTGRESQL:
        db.execute_sql(statement)


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    """Drop them: the log is gone."""
    db.drop_tables([Head, Personal, Entry])
    if not isinstance(db, peewee.SqliteDatabase):
        db.execute_sql("DROP FUNCTION core_audit_refuse()")
