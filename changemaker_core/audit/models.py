"""The tables of the audit log. Triggers of the database keep entries from being changed."""

from __future__ import annotations

from typing import Final

import peewee

from changemaker_core.db import Model, UtcField, UUIDField, new_id

#: Characters of a value that are indexed: an email address is not longer, but for odd ones.
BEGINNING: Final = 100


class CoreAuditEntry(Model):
    """What was done, by whom, when, and from where.

    ``details`` is a JSON object, stored as the text that was hashed. In it, a person's data stand
    as ``{"personal": "<commitment>"}``; the values are rows of ``CoreAuditPersonal``. ``position``
    and ``hash`` are null until the entry is sealed; nothing else is ever changed.
    """

    id = UUIDField(primary_key=True, default=new_id)
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


CoreAuditEntry.add_index(
    CoreAuditEntry.id, where=peewee.SQL("position IS NULL"), name="core_audit_entry_open"
)
CoreAuditEntry.add_index(
    CoreAuditEntry.position,
    unique=True,
    where=peewee.SQL("position IS NOT NULL"),
    name="core_audit_entry_position",
)


class CoreAuditPersonal(Model):
    """A person's data in an entry: the value in JSON, and the salt of its commitment.

    ``person`` is the id of a user, or an email address; empty where nobody is known, such as for
    the address of a visitor. To erase a person is to delete their rows: what is left of the value
    is a hash that nobody can guess back.
    """

    commitment = peewee.CharField(max_length=64, primary_key=True)
    entry = UUIDField(index=True)
    at = UtcField(index=True)
    person = peewee.CharField(max_length=320, index=True)
    salt = peewee.CharField(max_length=32)
    value = peewee.TextField()

    class Meta:
        table_name = "core_audit_personal"


#: The beginning of a value, by which rows are found that hold an address; a whole one is too long
#: for an index. SQLite uses the index only for the very same expression, without parameters.
value_begins = peewee.fn.SUBSTR(
    CoreAuditPersonal.value, peewee.SQL("1"), peewee.SQL(str(BEGINNING))
)
CoreAuditPersonal.add_index(value_begins, name="core_audit_personal_value")


class CoreAuditHead(Model):
    """The end of the chain, one row: how far it is sealed, the last hash, and the signature of
    both under the site's secret key. A copy of the database alone cannot make another one."""

    name = peewee.CharField(max_length=16, primary_key=True)
    position = peewee.BigIntegerField()
    hash = peewee.CharField(max_length=64)
    signature = peewee.CharField(max_length=500)
    sealed_at = UtcField()

    class Meta:
        table_name = "core_audit_head"
        not_personal = ("name",)
