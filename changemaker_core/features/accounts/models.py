"""Users, their sessions, and what their sessions still have to show."""

from __future__ import annotations

import peewee

from changemaker_core import JSONField, Model, UtcField, UUIDField, new_id


class User(Model):
    """A person who can sign in. ``email`` is stored casefolded."""

    id = UUIDField(primary_key=True, default=new_id)
    email = peewee.CharField(max_length=254, unique=True)
    name = peewee.CharField(max_length=200)
    password_hash = peewee.TextField()
    role = peewee.CharField(max_length=64)
    status = peewee.CharField(max_length=16, default="ACTIVE")
    locale = peewee.CharField(max_length=8, default="en")
    created_at = UtcField()
    updated_at = UtcField()
    last_login_at = UtcField(null=True)

    class Meta:
        table_name = "accounts_user"


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


class LoginDelay(Model):
    """The wait after wrong passwords from one network or device for one email address, with or
    without an account.

    ``key`` is the hash of both, and ``account`` that of the address.
    """

    key = peewee.CharField(max_length=64, primary_key=True)
    # The default is for processes of the version before, which run until the reload.
    account = peewee.CharField(max_length=64, index=True, constraints=[peewee.SQL("DEFAULT ''")])
    failures = peewee.IntegerField()
    not_before = UtcField()

    class Meta:
        table_name = "accounts_login_delay"
