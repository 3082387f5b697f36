"""Signed values: what the site wrote itself and gets back from a visitor, in a link or a field."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

T = TypeVar("T")

#: 128 bits of an HMAC-SHA256: a token stays short enough for a link in a mail.
_MAC_BYTES: Final = 16
#: Longer ones are rejected before anything is computed: visitors choose them.
MAX_TOKEN: Final = 8_192


class BadSignature(ValueError):
    """The token was not written by this site for this purpose, or was changed."""


class SignatureExpired(BadSignature):
    """The token was written by this site, and its time is over."""


class Signer:
    """Writes and reads tokens: JSON values, signed and not encrypted, as text for URLs and forms.

    A token is valid for the ``purpose`` that it was written for, and for no other.
    ``secrets`` are the site's keys: the first one signs, and each of them verifies, so that a key
    can be replaced while links are under way. ``site.signer(purpose)`` makes one.
    """

    def __init__(self, secrets: Sequence[str], purpose: str, clock: Callable[[], datetime]) -> None:
        label = f"changemaker.signer:{purpose}".encode()
        self._keys = [hmac.digest(secret.encode(), label, "sha256") for secret in secrets]
        self._clock = clock

    def write(self, value: Any, *, lasts: timedelta | None = None) -> str:
        """Return a token of ``value``, which JSON must be able to hold; a Struct is one.

        ``lasts`` is how long it is valid; ``None`` is for ever.
        """
        expires = None if lasts is None else int((self._clock() + lasts).timestamp())
        payload = msgspec.json.encode((expires, value))
        return _encoded(_mac(self._keys[0], payload) + payload)

    @overload
    def read(self, token: str) -> Any: ...
    @overload
    def read(self, token: str, type: type[T]) -> T: ...
    def read(self, token: str, type: Any = Any) -> Any:
        """Return the value that ``write`` was given, converted to ``type``.

        Raises ``SignatureExpired``, or ``BadSignature`` for any other text. Uncaught in a
        responder, either is a 404 which says that the link is not valid any more.
        """
        raw = _decoded(token)
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        # Every key is tried, so that the time taken does not depend on which one it was.
        if not any([hmac.compare_digest(mac, _mac(key, payload)) for key in self._keys]):
            raise BadSignature("the token was not written for this purpose")
        try:
            expires, value = msgspec.json.decode(payload, type=tuple[int | None, type])
        except msgspec.DecodeError as error:
            # An earlier version of the plugin signed something else.
            raise BadSignature(f"the token holds another kind of value: {error}") from None
        if expires is not None and expires <= self._clock().timestamp():
            raise SignatureExpired("the token has expired")
        return value


def _mac(key: bytes, payload: bytes) -> bytes:
    return hmac.digest(key, payload, "sha256")[:_MAC_BYTES]


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decoded(token: str) -> bytes:
    """Return the bytes of a token; raise ``BadSignature`` for other text."""
    if len(token) > MAX_TOKEN:
        raise BadSignature("the token is too long")
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (ValueError, binascii.Error):
        raise BadSignature("the token is not base64url") from None
    # Python's decoder skips foreign characters: each token is accepted in one spelling only.
    if _encoded(raw) != token:
        raise BadSignature("the token is not written as base64url is")
    return raw
