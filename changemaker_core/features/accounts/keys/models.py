"""API keys."""

from __future__ import annotations

import peewee

from changemaker_core import JSONField, Model, UtcField, UUIDField, new_id
from changemaker_core.features.accounts.users.models import User


class ApiKey(Model):
    """A key with which a program acts for ``user``. Only its hash is stored.

    ``permissions`` are names; of these the key has what its owner holds at each request.
    ``beginning`` are the first characters, by which its owner recognises it.
    """

    id = UUIDField(primary_key=True, default=new_id)
    user = peewee.ForeignKeyField(User, lazy_load=False, on_delete="CASCADE", backref="api_keys")
    name = peewee.CharField(max_length=100)
    key_hash = peewee.CharField(max_length=64, unique=True)
    beginning = peewee.CharField(max_length=16)
    permissions = JSONField()
    created_at = UtcField()
    expires_at = UtcField(null=True)
    last_used_at = UtcField(null=True)

    class Meta:
        table_name = "accounts_api_key"
