"""Authenticators and recovery codes of users who sign in with two factors."""

from __future__ import annotations

import peewee

from changemaker_core import Model, UtcField, UUIDField, new_id
from changemaker_core.features.accounts.users.models import User


class TwoFactor(Model):
    """A user's authenticator; without a row, a password is enough.

    ``secret`` is sealed. ``last_step`` is the half minute whose code was used last: no code of it,
    or of an earlier one, is accepted again.
    """

    id = UUIDField(primary_key=True, default=new_id)
    user = peewee.ForeignKeyField(User, lazy_load=False, on_delete="CASCADE", unique=True)
    secret = peewee.TextField()
    last_step = peewee.BigIntegerField()
    enabled_at = UtcField()

    class Meta:
        table_name = "accounts_two_factor"


class RecoveryCode(Model):
    """A code that signs in once in place of the authenticator's. Only its hash is stored."""

    id = UUIDField(primary_key=True, default=new_id)
    user = peewee.ForeignKeyField(User, lazy_load=False, on_delete="CASCADE")
    code_hash = peewee.CharField(max_length=64)

    class Meta:
        table_name = "accounts_recovery_code"
