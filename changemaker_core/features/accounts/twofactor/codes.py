"""Codes of authenticator apps (TOTP, RFC 6238), and recovery codes for when the app is lost."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from datetime import datetime

#: What every authenticator app assumes: SHA-1, six digits, half a minute.
DIGITS: Final = 6
STEP_SECONDS: Final = 30
#: Steps before and after the current one whose codes count: clocks differ, and people type slowly.
_DRIFT: Final = 1
#: As RFC 4226 recommends.
_SECRET_BYTES: Final = 20
RECOVERY_CODES: Final = 10
#: Crockford's base 32: no letters that look like digits, and no U.
_LETTERS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_LOOK_ALIKES: Final = str.maketrans({"o": "0", "i": "1", "l": "1", " ": None, "-": None})
#: 80 bits: a stolen database does not reveal them, though their hash is a fast one.
_RECOVERY_LENGTH: Final = 16
_GROUP: Final = 4


def new_secret() -> str:
    """Return the secret of a new authenticator: 160 random bits in base 32."""
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def provisioning_uri(secret: str, *, account: str, issuer: str) -> str:
    """Return what an authenticator app reads from a QR code.

    Source: https://github.com/google/google-authenticator/wiki/Key-Uri-Format
    """
    label = quote(f"{issuer.replace(':', ' ')}:{account}", safe="@")
    query = urlencode({"secret": secret, "issuer": issuer.replace(":", " ")}, quote_via=quote)
    return f"otpauth://totp/{label}?{query}"


def step_of(moment: datetime) -> int:
    """Return the number of the half minute that ``moment`` is in."""
    return int(moment.timestamp()) // STEP_SECONDS


def code_of(secret: str, step: int) -> str:
    """Return the code that an authenticator shows in a step."""
    from cryptography.hazmat.primitives.hashes import SHA1
    from cryptography.hazmat.primitives.twofactor.totp import TOTP

    generator = TOTP(base64.b32decode(secret), DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303
    return generator.generate(step * STEP_SECONDS).decode()


def matching_step(secret: str, typed: str, now: datetime) -> int | None:
    """Return the step whose code was typed, of those that count now.

    Each is compared, so that the time taken does not depend on which one it was.
    """
    current = step_of(now)
    steps = range(current - _DRIFT, current + _DRIFT + 1)
    sent = typed.encode()
    matches = [s for s in steps if hmac.compare_digest(code_of(secret, s).encode(), sent)]
    return matches[-1] if matches else None


def is_totp(typed: str) -> bool:
    """Return whether what was typed, tidied, has the form of an authenticator's code."""
    return len(typed) == DIGITS and typed.isascii() and typed.isdigit()


def tidy(typed: str) -> str:
    """Return a code without the spaces and dashes that people type, and with one kind of letters.

    >>> tidy("K7XQ-2C9F m3do-ABCD"), tidy("123 456")
    ('k7xq2c9fm3d0abcd', '123456')
    """
    return typed.strip().lower().translate(_LOOK_ALIKES)


def new_recovery_codes() -> list[str]:
    """Return ten codes of 80 random bits, as they are shown."""
    return [_recovery_code() for _ in range(RECOVERY_CODES)]


def hash_recovery_code(code: str) -> str:
    """Return the stored hash of a tidied recovery code. It is random: a fast hash suffices."""
    return hashlib.sha256(b"accounts.recovery-code\0" + code.encode()).hexdigest()


def _recovery_code() -> str:
    letters = "".join(secrets.choice(_LETTERS) for _ in range(_RECOVERY_LENGTH))
    return "-".join(letters[n : n + _GROUP] for n in range(0, _RECOVERY_LENGTH, _GROUP))
