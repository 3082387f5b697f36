"""The session of a signed-in visitor: ``req.session``."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from changemaker_core.signing import from_base64url, to_base64url
from changemaker_core.text import Text

if TYPE_CHECKING:
    from datetime import datetime

    from changemaker_core.db import Tx

_SECRET_BYTES = 16


class FlashMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message to show once. It is stored untranslated: ``text`` is a :class:`Text`."""

    id: str
    kind: str
    message: str
    params: Mapping[str, Any]

    @property
    def text(self) -> Text:
        """The message, to be translated for its reader."""
        return Text(self.message, **self.params)


class SessionStore(Protocol):
    """Where the messages of sessions are kept."""

    def add_message(self, tx: Tx, session_id: str, message: FlashMessage) -> None:
        """Keep ``message`` until it was shown."""

    async def messages(self, session_id: str) -> Sequence[FlashMessage]:
        """Return the messages of a session, the oldest first."""

    async def forget_messages(self, messages: Sequence[FlashMessage]) -> None:
        """Delete messages that were shown."""


class SignIn(NamedTuple):
    """How a person is signed in: the ``id`` of their session, in a browser or of the API, and when
    they last proved who they are.
    """

    id: str
    at: datetime


class Session:
    """A signed-in visitor's session in one browser.

    ``id`` may be shown and logged: it is not the secret in the cookie. ``cookie`` is that secret.
    """

    __slots__ = ("_cookie", "id", "store")

    def __init__(self, id: str, cookie: str, store: SessionStore) -> None:
        self.id = id
        self.store = store
        self._cookie = cookie

    def csrf_token(self) -> str:
        """Return a token that proves that a form comes from this session's pages.

        It is masked anew each time, so that compressed responses do not reveal it (BREACH).
        """
        mask = secrets.token_bytes(_SECRET_BYTES)
        return to_base64url(mask + _xor(mask, self._secret()))

    def is_csrf_token(self, sent: str) -> bool:
        """Return whether ``sent`` is a token of this session."""
        try:
            token = from_base64url(sent)
        except ValueError:
            return False
        mask, masked = token[:_SECRET_BYTES], token[_SECRET_BYTES:]
        return len(token) == 2 * _SECRET_BYTES and hmac.compare_digest(
            _xor(mask, masked), self._secret()
        )

    def _secret(self) -> bytes:
        # Derived from the cookie: nothing more is stored, and it ends with the session.
        return hmac.digest(self._cookie.encode(), b"csrf", hashlib.sha256)[:_SECRET_BYTES]


def _xor(mask: bytes, value: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(mask, value, strict=False))
