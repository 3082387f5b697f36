"""Links that were sent by mail."""

from __future__ import annotations

import peewee

from changemaker_core import Model, UtcField, UUIDField, new_id
from changemaker_core.features.accounts.users.models import User


class Link(Model):
    """A link in a mail, which does one thing once.

    Its token is the signed id: who reads the database alone cannot make one. ``email`` is the
    address that it is sent to, and for a registration, which has no ``user`` yet, all that is
    known. It stays for a while after ``ended_at``, so that its page can say what became of it.
    """

    id = UUIDField(primary_key=True, default=new_id)
    purpose = peewee.CharField(max_length=16)
    user = peewee.ForeignKeyField(User, lazy_load=False, null=True, on_delete="CASCADE")
    email = peewee.CharField(max_length=254)
    locale = peewee.CharField(max_length=8)
    return_to = peewee.TextField(default="")
    created_at = UtcField()
    expires_at = UtcField(index=True)
    ended_at = UtcField(null=True)

    class Meta:
        table_name = "accounts_link"
        indexes = ((("email", "purpose"), False),)
