"""Queries of two-factor sign-in."""

from __future__ import annotations

import msgspec
import peewee

from changemaker_core import Query, compiled
from changemaker_core.features.accounts.twofactor.models import RecoveryCode, TwoFactor


class Standing(msgspec.Struct, frozen=True):
    """How many recovery codes a user with two-factor sign-in has left."""

    recovery_codes_left: int


@compiled(Standing)
def two_factor_of(user_id: str) -> Query:
    """The state of a user's two-factor sign-in; no row where it is off."""
    left = RecoveryCode.select(peewee.fn.COUNT(RecoveryCode.id)).where(RecoveryCode.user == user_id)
    return TwoFactor.select(left.alias("recovery_codes_left")).where(TwoFactor.user == user_id)


class Authenticator(msgspec.Struct, frozen=True):
    """A user's authenticator, with its sealed secret."""

    user: str
    secret: str


@compiled(Authenticator)
def authenticators() -> Query:
    """The authenticators of all users."""
    return TwoFactor.select_for(Authenticator).order_by(TwoFactor.user)
