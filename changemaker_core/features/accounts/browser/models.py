"""Sessions in browsers, and what they still have to show."""

from __future__ import annotations

import peewee

from changemaker_core import JSONField, Model, UtcField, UUIDField, new_id
from changemaker_core.features.accounts.users.models import User


class BrowserSession(Model):
    """A sign-in in one browser, until it expires or is ended. Only its token's hash is stored.

    ``address`` and ``user_agent`` are those of the sign-in: its owner recognises a session by them.
    """

    id = UUIDField(primary_key=True, default=new_id)
    user = peewee.ForeignKeyField(User, lazy_load=False, on_delete="CASCADE", backref="sessions")
    token_hash = peewee.CharField(max_length=64, unique=True)
    created_at = UtcField()
    seen_at = UtcField()
    expires_at = UtcField(index=True)
    address = peewee.CharField(max_length=64)
    user_agent = peewee.CharField(max_length=300)

    class Meta:
        table_name = "accounts_session"


class FlashRow(Model):
    """A message that a session has not shown yet, untranslated."""

    id = UUIDField(primary_key=True)
    session = peewee.ForeignKeyField(BrowserSession, lazy_load=False, on_delete="CASCADE")
    kind = peewee.CharField(max_length=16)
    message = peewee.TextField()
    params = JSONField()

    class Meta:
        table_name = "accounts_flash"
