"""Bodies and responses of sign-in."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from changemaker_core import Body, Email, Password, PersonName, SingleLine


class Login(Body, frozen=True):
    """An email address and its password."""

    email: Email
    password: Annotated[Password, Meta(min_length=1)]


class LoginCode(Body, frozen=True):
    """The challenge that the password was answered with, and the code of the second factor."""

    challenge: Annotated[str, Meta(min_length=1, max_length=2000)]
    code: Annotated[str, Meta(min_length=1, max_length=40)]


class Confirm(Body, frozen=True):
    """The password of who is signed in, and the code where they use two-factor sign-in."""

    password: Annotated[Password, Meta(min_length=1)]
    code: Annotated[str, Meta(max_length=40)] = ""


class Refresh(Body, frozen=True):
    """The refresh token from the sign-in or the last refresh."""

    refresh_token: Annotated[str, Meta(min_length=1, max_length=128)]


class UserOut(msgspec.Struct, frozen=True, kw_only=True):
    """The signed-in user's own account.

    ``objects`` are permissions that hold for some objects alone, with the ids of these.
    """

    id: str
    email: str
    name: str
    role: str
    locale: str
    permissions: list[str]
    objects: dict[str, list[str]]


class MeChange(Body, frozen=True):
    """Changes to the user's own account; fields that are left out stay as they are. ``locale`` is
    the language of the mails to them."""

    name: Annotated[PersonName, Meta(min_length=1, max_length=200)] | UnsetType = UNSET
    phone: Annotated[SingleLine, Meta(max_length=32)] | UnsetType = UNSET
    locale: Annotated[str, Meta(max_length=8)] | UnsetType = UNSET


class Session(msgspec.Struct, frozen=True, kw_only=True, tag_field="status", tag="signed_in"):
    """An open session. ``expires_in`` is the access token's lifetime in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    user: UserOut
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  # a scheme's name, not a secret


class CodeNeeded(msgspec.Struct, frozen=True, kw_only=True, tag_field="status", tag="code_needed"):
    """The password is right, and a code of the second factor is needed within ``expires_in``
    seconds, with this ``challenge``."""

    challenge: str
    expires_in: int
