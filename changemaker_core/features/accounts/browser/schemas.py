"""Forms of the sign-in and session pages."""

from __future__ import annotations

import msgspec

from changemaker_core import Email, Password


class SignInForm(msgspec.Struct, frozen=True, kw_only=True):
    """An email address, its password, and the signed address of the page to return to."""

    email: Email
    password: Password
    next: str = ""


class SignInQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Where a visitor came from: a page that needs a sign-in, a sign-out, a new password, or a code
    that came too late."""

    next: str = ""
    signed_out: bool = False
    password_changed: bool = False
    too_late: bool = False


class PasswordForm(msgspec.Struct, frozen=True, kw_only=True):
    """The present password, and the one to replace it."""

    current: Password
    new: Password


class NoFields(msgspec.Struct, frozen=True):
    """A form that is nothing but its button."""
