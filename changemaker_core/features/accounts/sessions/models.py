"""Sessions of users."""

from __future__ import annotations

from typing import Final

import peewee

from changemaker_core import Model, UtcField, UUIDField, new_id
from changemaker_core.features.accounts.users.models import User

#: Of a browser, by its cookie.
BROWSER: Final = "browser"
#: Of a program, by its access and refresh tokens.
API: Final = "api"


class UserSession(Model):
    """A sign-in of a user, until it expires or is ended.

    ``token_hash`` is that of a browser's cookie; the tokens of an API session are rows of their
    own. ``signed_in_at`` is when the user last proved who they are. ``address`` and ``user_agent``
    are those of the sign-in: its owner recognises a session by them.
    """

    id = UUIDField(primary_key=True, default=new_id)
    user = peewee.ForeignKeyField(User, lazy_load=False, on_delete="CASCADE", backref="sessions")
    kind = peewee.CharField(max_length=16)
    token_hash = peewee.CharField(max_length=64, unique=True, null=True)
    created_at = UtcField()
    signed_in_at = UtcField()
    seen_at = UtcField()
    expires_at = UtcField(index=True)
    address = peewee.CharField(max_length=64)
    user_agent = peewee.CharField(max_length=300)

    class Meta:
        table_name = "accounts_session"
