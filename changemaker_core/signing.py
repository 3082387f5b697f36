"""Signed values: what the site wrote itself and gets back from a visitor, in a link or a field."""

from __future__ import annotations

import base64
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
        return to_base64url(_mac(self._keys[0], payload) + payload)

    @overload
    def read(self, token: str) -> Any: ...
    @overload
    def read(self, token: str, type: type[T]) -> T: ...
    def read(self, token: str, type: Any = Any) -> Any:
        """Return the value that ``write`` was given, converted to ``type``.

        Raises ``SignatureExpired``, or ``BadSignature`` for any other text. Uncaught in a
        responder, either is a 404 which says that the link is not valid any more.
        """
        if len(token) > MAX_TOKEN:
            raise BadSignature("the token is too long")
        try:
            raw = from_base64url(token)
        except ValueError:
            raise BadSignature("the token is not base64url") from None
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


def to_base64url(raw: bytes) -> str:
    """Return bytes as base64url, without padding."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def from_base64url(text: str) -> bytes:
    """Return the bytes of what ``to_base64url`` wrote; raise ``ValueError`` for other text."""
    raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    # Python's decoder skips foreign characters: bytes are accepted in one spelling only.
    if to_base64url(raw) != text:
        raise ValueError("the text is not written as base64url is")
    return raw
