"""Roles that a site makes, and roles that users hold for one object each."""

from __future__ import annotations

import peewee

from changemaker_core import JSONField, Model, UtcField, UUIDField, new_id
from changemaker_core.features.accounts.users.models import User


class StoredRole(Model):
    """A role that a site made, beside those that plugins declare.

    ``permissions`` is a sorted list of names. Those of a plugin that is gone stay in it.
    """

    name = peewee.CharField(max_length=64, primary_key=True)
    description = peewee.CharField(max_length=300)
    permissions = JSONField()
    created_at = UtcField()
    updated_at = UtcField()

    class Meta:
        table_name = "accounts_role"
        not_personal = ("name",)


class Grant(Model):
    """A role that a user holds for one object. ``scope`` is its kind: ``petitions.petition``."""

    id = UUIDField(primary_key=True, default=new_id)
    user = peewee.ForeignKeyField(User, lazy_load=False, on_delete="CASCADE", index=False)
    role = peewee.CharField(max_length=64, index=True)
    scope = peewee.CharField(max_length=100)
    object_id = peewee.CharField(max_length=64)
    created_by = peewee.CharField(max_length=64, null=True)
    created_at = UtcField()

    class Meta:
        table_name = "accounts_grant"
        indexes = (
            (("user", "role", "scope", "object_id"), True),
            (("scope", "object_id"), False),
        )
