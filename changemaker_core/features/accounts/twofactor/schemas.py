"""Bodies, responses and forms of two-factor sign-in."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from changemaker_core import Body

#: A code as it is typed: six digits, or a recovery code.
Code = Annotated[str, Meta(min_length=1, max_length=40)]


class TwoFactorOut(msgspec.Struct, frozen=True, kw_only=True):
    """Whether two-factor sign-in is on, and how many recovery codes are left."""

    enabled: bool
    recovery_codes_left: int


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """An authenticator to set up: its ``secret``, for apps without a camera, and as a URI.

    ``setup`` is sent back with the app's first code, within 15 minutes.
    """

    secret: str
    uri: str
    setup: str


class VerifySetup(Body, frozen=True):
    """The setup token, and the code that the authenticator shows for it."""

    setup: Annotated[str, Meta(max_length=1000)]
    code: Code


class RecoveryCodes(msgspec.Struct, frozen=True, kw_only=True):
    """Codes that each sign in once in place of the authenticator's. They are shown this once."""

    recovery_codes: list[str]


class CodeForm(msgspec.Struct, frozen=True, kw_only=True):
    """The form that completes a sign-in."""

    code: Code


class SetupForm(msgspec.Struct, frozen=True, kw_only=True):
    """The form that turns two-factor sign-in on."""

    code: Code
    setup: Annotated[str, Meta(max_length=1000)] = ""


class NoFields(msgspec.Struct, frozen=True):
    """A form that is nothing but its button."""
