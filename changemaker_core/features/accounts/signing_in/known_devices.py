"""Devices that an account has signed in from: wrong passwords of others do not make them wait.

A device keeps a signed cookie, which is sent to the address of sign-in and nowhere else. It names
nobody: a random number, and for each account a tag that only those recognise who know its id.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from changemaker_core import BadSignature

if TYPE_CHECKING:
    from changemaker_core import Request

_NAME: Final = "cm_device"
_LASTS: Final = timedelta(days=365)
#: Accounts that a device remembers; a computer may be shared.
_ACCOUNTS: Final = 5
_TAG_DIGITS: Final = 24


class Device(msgspec.Struct, frozen=True, array_like=True):
    """What the cookie holds; the account that signed in last has the first tag."""

    id: str
    tags: tuple[str, ...] = ()

    def knows(self, user_id: str) -> bool:
        """Return whether this user has signed in from the device."""
        tag = self._tag(user_id)
        return any([hmac.compare_digest(tag, each) for each in self.tags])

    def with_user(self, user_id: str) -> Device:
        """Return the device after a sign-in of this user."""
        tag = self._tag(user_id)
        others = [each for each in self.tags if each != tag]
        return Device(self.id, (tag, *others[: _ACCOUNTS - 1]))

    def _tag(self, user_id: str) -> str:
        return hashlib.sha256(f"{self.id} {user_id}".encode()).hexdigest()[:_TAG_DIGITS]


def device_of(req: Request) -> Device | None:
    """Return the device that a request's cookie is of, if it has one that this site has signed."""
    for value in req.get_cookie_values(_name_for(req)) or ():
        try:
            return req.site.signer("accounts.device").read(value, Device)
        except BadSignature:
            continue
    return None


def cookie(req: Request, user_id: str, path: str) -> tuple[str, str]:
    """Return the header that lets the device know its user, who has just signed in with ``req``.

    ``path`` is the address that the password was sent to.
    """
    device = (device_of(req) or Device(secrets.token_urlsafe(12))).with_user(user_id)
    value = req.site.signer("accounts.device").write(device, lasts=_LASTS)
    written = (
        f"{_name_for(req)}={value}; Path={req.root_path}{path}"
        f"; Max-Age={int(_LASTS.total_seconds())}; HttpOnly; SameSite=Strict"
    )
    return "Set-Cookie", written + "; Secure" if req.is_secure else written


def _name_for(req: Request) -> str:
    return f"__Secure-{_NAME}" if req.is_secure else _NAME
