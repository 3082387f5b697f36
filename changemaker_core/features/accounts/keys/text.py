"""The text of an API key: what its owner sees once, and what is stored of it."""

from __future__ import annotations

import hashlib
import secrets
import string
import zlib
from typing import Final

PREFIX: Final = "cm_"
_DIGITS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SECRET_BITS: Final = 256
#: Digits of the secret, and of its CRC-32, in base 62.
_SECRET_LENGTH: Final = 43
_CHECKSUM_LENGTH: Final = 6
_LENGTH: Final = len(PREFIX) + _SECRET_LENGTH + _CHECKSUM_LENGTH
#: Characters after the prefix by which people tell their keys apart.
_SHOWN: Final = 4


def new_key() -> str:
    """Return a key: ``cm_``, 256 random bits and a checksum.

    Prefix and checksum are for programs that search code and logs for secrets: they find a key by
    ``cm_[0-9A-Za-z]{49}``, and the checksum tells it from other text.
    """
    secret = _in_base_62(secrets.randbits(_SECRET_BITS), _SECRET_LENGTH)
    return f"{PREFIX}{secret}{_checksum(secret)}"


def is_well_formed(text: str) -> bool:
    """Return whether ``text`` can be a key: its form and checksum are right."""
    if len(text) != _LENGTH or not text.startswith(PREFIX) or not text.isascii():
        return False
    secret = text[len(PREFIX) : -_CHECKSUM_LENGTH]
    return text[-_CHECKSUM_LENGTH:] == _checksum(secret)


def hash_key(key: str) -> str:
    """Return the stored hash of a key. The key is random, so a fast hash suffices."""
    return hashlib.sha256(key.encode()).hexdigest()


def beginning_of(key: str) -> str:
    """Return the beginning of a key, which may be shown and stored."""
    return key[: len(PREFIX) + _SHOWN]


def _checksum(secret: str) -> str:
    return _in_base_62(zlib.crc32(secret.encode()), _CHECKSUM_LENGTH)


def _in_base_62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
