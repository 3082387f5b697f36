"""Sealed values: secrets of people and organisations, encrypted where the database has them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from changemaker_core.signing import from_base64url, to_base64url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

#: The first byte of a token: AES-256-GCM as it is written below.
_FORMAT: Final = b"\x01"
_ID_BYTES: Final = 6
#: What NIST SP 800-38D recommends: 2^32 values under one key with random ones.
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32


class BadSeal(ValueError):
    """The token was not sealed by this site for this place, or was changed."""


class SealKeyMissing(BadSeal):
    """The token was sealed with a secret key that the configuration does not have."""


class Sealer:
    """Encrypts texts for the database, and decrypts them.

    Each is bound to the ``purpose`` and to its place, such as a column and the row's id: a token
    that is copied to another place cannot be read there. ``secrets`` are the site's keys: the first
    one seals, and each of them unseals. ``site.sealer(purpose)`` makes one.

    A token is a format byte, the key's id, a random nonce, and the text under AES-256-GCM, as
    base64url. Keys are derived from the secrets with HKDF-SHA256 (RFC 5869).
    """

    def __init__(self, secrets: Sequence[str], purpose: str) -> None:
        self._secrets = tuple(secrets)
        self._purpose = purpose
        self._ciphers: dict[bytes, AESGCM] = {}

    def seal(self, text: str, *, place: str) -> str:
        """Return a token of ``text``, to be stored in ``place``: ``"members.card/0198f2…"``."""
        key_id = self._current
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._keys[key_id].encrypt(nonce, text.encode(), place.encode())
        return to_base64url(_FORMAT + key_id + nonce + sealed)

    def unseal(self, token: str, *, place: str) -> str:
        """Return the text of a token that was sealed for ``place``.

        Raises ``SealKeyMissing`` where the key is not configured any more, and ``BadSeal`` for any
        other text.
        """
        from cryptography.exceptions import InvalidTag

        key_id, nonce, sealed = _parts(token)
        cipher = self._keys.get(key_id)
        if cipher is None:
            raise SealKeyMissing(
                "it was encrypted with another secret_key: add that one to previous_secret_keys"
            )
        try:
            return cipher.decrypt(nonce, sealed, place.encode()).decode()
        except InvalidTag:
            raise BadSeal("it was changed, or encrypted for another place") from None

    def is_current(self, token: str) -> bool:
        """Return whether a token was sealed with the first of the secrets. Raises ``BadSeal``."""
        return _parts(token)[0] == self._current

    def reseal(self, token: str, *, place: str) -> str:
        """Return a token of the same text under the first of the secrets; the same token where
        that sealed it already. Raises what ``unseal`` does."""
        if self.is_current(token):
            return token
        return self.seal(self.unseal(token, place=place), place=place)

    @property
    def _current(self) -> bytes:
        return next(iter(self._keys))

    @property
    def _keys(self) -> dict[bytes, AESGCM]:
        """The keys by their ids, the current one first; derived at the first use."""
        if not self._ciphers:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            self._ciphers = {
                _derived(secret, "changemaker.sealer-id", _ID_BYTES): AESGCM(
                    _derived(secret, f"changemaker.sealer:{self._purpose}", _KEY_BYTES)
                )
                for secret in self._secrets
            }
        return self._ciphers


def _parts(token: str) -> tuple[bytes, bytes, bytes]:
    """Return the key's id, the nonce and the encrypted text of a token."""
    try:
        raw = from_base64url(token)
    except ValueError:
        raise BadSeal("it is not a sealed value") from None
    begin = len(_FORMAT) + _ID_BYTES
    if not raw.startswith(_FORMAT) or len(raw) < begin + _NONCE_BYTES:
        raise BadSeal("it is not a sealed value")
    return raw[len(_FORMAT) : begin], raw[begin : begin + _NONCE_BYTES], raw[begin + _NONCE_BYTES :]


def _derived(secret: str, label: str, length: int) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), length, salt=None, info=label.encode()).derive(secret.encode())
