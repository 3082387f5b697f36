"""Bodies, forms and responses of joining."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from changemaker_core import Body, Email, Password, PersonName
from changemaker_core.signing import MAX_TOKEN

_Name = Annotated[PersonName, Meta(min_length=1, max_length=200)]
_Password = Annotated[Password, Meta(min_length=1)]
_Token = Annotated[str, Meta(min_length=1, max_length=MAX_TOKEN)]


class Asking(Body, frozen=True):
    """The email address that a link is sent to."""

    email: Email


class UseLink(Body, frozen=True):
    """The token of a link: all behind the last slash of its address."""

    token: _Token


class Join(Body, frozen=True):
    """The token of a registration or invitation, and what its holder chooses."""

    token: _Token
    name: _Name
    password: _Password


class ResetPassword(Body, frozen=True):
    """The token of a link for a new password, and this."""

    token: _Token
    password: _Password


class Joined(msgspec.Struct, frozen=True):
    """The account that can sign in now."""

    id: str
    email: str


class AskForm(msgspec.Struct, frozen=True, kw_only=True):
    """An email address, and the signed address of the page to return to."""

    email: Email
    next: str = ""


class AskQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Where a visitor came from, and whether they have sent the form."""

    next: str = ""
    sent: bool = False


class JoinForm(msgspec.Struct, frozen=True, kw_only=True):
    """What the holder of a registration or invitation chooses."""

    name: _Name
    password: _Password


class NewPasswordForm(msgspec.Struct, frozen=True, kw_only=True):
    """A new password."""

    password: _Password


class EmailForm(msgspec.Struct, frozen=True, kw_only=True):
    """A new email address."""

    email: Email


class ButtonForm(msgspec.Struct, frozen=True):
    """A form that is nothing but its button."""
