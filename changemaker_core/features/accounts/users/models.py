"""Users."""

from __future__ import annotations

from typing import Final

import peewee

from changemaker_core import Model, UtcField, UUIDField, new_id

#: Can sign in.
ACTIVE: Final = "ACTIVE"
#: Was invited, and has not accepted yet.
INVITED: Final = "INVITED"
#: Cannot sign in until somebody reactivates the account.
SUSPENDED: Final = "SUSPENDED"
#: A temporary account whose time has passed.
EXPIRED: Final = "EXPIRED"


class User(Model):
    """A person who can sign in. ``email`` is canonical.

    Without a ``password_hash`` nobody signs in with a password. From ``expires_at`` on, a temporary
    account is closed, whether or not its ``status`` says so yet. ``created_by`` is the id of the
    actor who created or invited the user; nobody did where they registered themselves.
    """

    id = UUIDField(primary_key=True, default=new_id)
    email = peewee.CharField(max_length=254, unique=True)
    email_verified_at = UtcField(null=True)
    name = peewee.CharField(max_length=200)
    # The default is for processes of the version before, which run until the reload.
    phone = peewee.CharField(max_length=32, default="", constraints=[peewee.SQL("DEFAULT ''")])
    password_hash = peewee.TextField(null=True)
    role = peewee.CharField(max_length=64)
    status = peewee.CharField(max_length=16, default=ACTIVE)
    locale = peewee.CharField(max_length=8, default="en")
    expires_at = UtcField(null=True, index=True)
    created_by = peewee.CharField(max_length=64, null=True)
    created_at = UtcField()
    updated_at = UtcField()
    last_login_at = UtcField(null=True)

    class Meta:
        table_name = "accounts_user"
        indexes = ((("role", "id"), False), (("status", "id"), False))
