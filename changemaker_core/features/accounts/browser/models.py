"""What sessions in browsers still have to show."""

from __future__ import annotations

import peewee

from changemaker_core import JSONField, Model, UUIDField
from changemaker_core.features.accounts.sessions.models import UserSession


class FlashRow(Model):
    """A message that a session has not shown yet, untranslated."""

    id = UUIDField(primary_key=True)
    session = peewee.ForeignKeyField(UserSession, lazy_load=False, on_delete="CASCADE")
    kind = peewee.CharField(max_length=16)
    message = peewee.TextField()
    params = JSONField()

    class Meta:
        table_name = "accounts_flash"
