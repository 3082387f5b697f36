"""Waits after wrong passwords."""

from __future__ import annotations

import peewee

from changemaker_core import Model, UtcField


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
