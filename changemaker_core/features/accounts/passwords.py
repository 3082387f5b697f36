"""Passwords: what is accepted, and how they are kept (argon2id)."""

from __future__ import annotations

import functools
import secrets
from importlib import resources

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from changemaker_core import Text

MIN_LENGTH = 12
MAX_LENGTH = 256  # argon2 takes longer for longer input; nobody types more than this

_hasher = PasswordHasher()


def problem_with(password: str, *, email: str = "") -> Text | None:
    """Why ``password`` is not accepted, or ``None`` when it is."""
    if len(password) < MIN_LENGTH:
        return Text("Choose a password of at least {count} characters.", count=MIN_LENGTH)
    if len(password) > MAX_LENGTH:
        return Text("Choose a password of at most {count} characters.", count=MAX_LENGTH)
    if password.casefold() in _common() or len(set(password)) < 4:
        return Text("This password is too common. Choose another.")
    if email and password.casefold() in (email.casefold(), email.casefold().partition("@")[0]):
        return Text("The password must not be the email address.")
    return None


def generate() -> str:
    """A random password of 120 bits, safe to type and to paste."""
    return secrets.token_urlsafe(15)


def hash_password(password: str) -> str:
    """The argon2id hash of ``password``. Takes a third of a second: never in the event loop."""
    return _hasher.hash(password)


def matches(password: str, password_hash: str | None) -> bool:
    """Whether ``password`` has this hash; without a hash the same time is spent for nothing.

    So an answer's time does not tell whether an address has an account.
    """
    try:
        _hasher.verify(password_hash or _nobodys_hash(), password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


@functools.cache
def _nobodys_hash() -> str:
    return _hasher.hash(secrets.token_urlsafe())


@functools.cache
def _common() -> frozenset[str]:
    listed = resources.files(__package__).joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(line for line in listed.splitlines() if line and not line.startswith("#"))
