"""Refresh tokens: what the API's sessions consist of."""

from __future__ import annotations

import peewee

from changemaker_core import Model, UtcField, UUIDField, new_id
from changemaker_core.features.accounts.users.models import User


class RefreshToken(Model):
    """One link of a session's chain of refresh tokens.

    The tokens of one sign-in share a ``family``. A token is exchanged once; if it is used again, it
    was stolen or replayed, and the whole family is revoked. Only its hash is stored.
    """

    id = UUIDField(primary_key=True, default=new_id)
    user = peewee.ForeignKeyField(User, lazy_load=False, on_delete="CASCADE", backref="tokens")
    family = UUIDField(index=True)
    token_hash = peewee.CharField(max_length=64, unique=True)
    issued_at = UtcField()
    expires_at = UtcField(index=True)
    exchanged_at = UtcField(null=True)
    revoked_at = UtcField(null=True)

    class Meta:
        table_name = "accounts_refresh_token"
