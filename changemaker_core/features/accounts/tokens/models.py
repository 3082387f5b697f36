"""Refresh tokens: how the API's sessions go on."""

from __future__ import annotations

import peewee

from changemaker_core import Model, UtcField, UUIDField, new_id
from changemaker_core.features.accounts.sessions.models import UserSession


class RefreshToken(Model):
    """One link of a session's chain of refresh tokens. Only its hash is stored.

    A token is exchanged once; used again later, it was stolen or replayed, and the session ends.
    """

    id = UUIDField(primary_key=True, default=new_id)
    session = peewee.ForeignKeyField(
        UserSession, lazy_load=False, on_delete="CASCADE", backref="tokens"
    )
    token_hash = peewee.CharField(max_length=64, unique=True)
    issued_at = UtcField()
    expires_at = UtcField(index=True)
    exchanged_at = UtcField(null=True)

    class Meta:
        table_name = "accounts_refresh_token"
