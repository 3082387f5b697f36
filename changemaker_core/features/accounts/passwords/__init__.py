"""Passwords: rules, and hashing with argon2id.

Spaces around a password belong to it, wherever it was typed. The same characters written in
another way are the same password, as RFC 8265 (OpaqueString) has it: keyboards and systems write an
accented letter as one character or as two, and some have another space.
"""

from __future__ import annotations

import functools
import re
import secrets
import unicodedata
from importlib import resources
from typing import TYPE_CHECKING, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from changemaker_core import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

MIN_LENGTH = 12
MAX_LENGTH = 256  # argon2 takes longer for longer input
#: The shortest word that is looked for, and how many characters must be left beside those found.
_KNOWN_WORD: Final = 4
_LEFT: Final = 8

#: What the most common passwords are made of: with few characters beside, each is guessed early.
_COMMON_WORDS: Final = (
    *("password", "passw0rd", "passwort", "motdepasse", "welcome", "bienvenue", "letmein"),
    *("changeme", "iloveyou", "administrator", "qwerty", "qwertz", "azerty", "asdfgh", "zxcvbn"),
    *("abcdef", "monkey", "dragon", "football", "baseball", "superman", "sunshine", "princess"),
    *("secret", "summer", "winter", "canada", "quebec", "12345", "67890", "54321", "98765"),
)

_hasher = PasswordHasher()


def problem_with(password: str, *, known: Iterable[str] = ()) -> Text | None:
    """Return why ``password`` is rejected, or ``None``.

    ``known`` is what others try first: the names of the organisation, the site and the person, and
    the person's email address.
    """
    password = normal(password)
    if len(password) < MIN_LENGTH:
        return Text("Choose a password of at least {count} characters.", count=MIN_LENGTH)
    if len(password) > MAX_LENGTH:
        return Text("Choose a password of at most {count} characters.", count=MAX_LENGTH)
    folded = password.casefold()
    if folded in _common() or len(set(password)) < 4 or _is_made_of(folded, _COMMON_WORDS):
        return Text("This password is too common. Choose another.")
    if _is_made_of(folded, known):
        return Text(
            "The password must not be made of the name of the organisation or site, or of your "
            "name or email address."
        )
    return None


def generate() -> str:
    """Return a random password of 120 bits in URL-safe characters."""
    return secrets.token_urlsafe(15)


def normal(password: str) -> str:
    """Return the one way to write a password: any space is U+0020, and the whole is in NFC."""
    spaced = "".join(" " if unicodedata.category(each) == "Zs" else each for each in password)
    return unicodedata.normalize("NFC", spaced)


def hash_password(password: str) -> str:
    """Return the argon2id hash. Takes a third of a second: never call it in the event loop."""
    return _hasher.hash(normal(password))


def matches(password: str, password_hash: str | None) -> bool:
    """Return whether ``password`` has this hash.

    Without a hash it takes the same time, so that the duration of a response does not reveal
    whether an email address has an account.
    """
    dummy = _dummy_hash()  # always, so that the first one does not take twice as long
    try:
        _hasher.verify(password_hash or dummy, normal(password))
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Return whether the hash was made with weaker parameters than the current ones."""
    return _hasher.check_needs_rehash(password_hash)


def _is_made_of(password: str, known: Iterable[str]) -> bool:
    """Return whether too little of a password is left without the words that are known.

    >>> _is_made_of("changemaker-2026", ["Changemaker"]), _is_made_of("slow river make", ["Make"])
    (True, False)
    """
    texts = [text.casefold() for text in known]
    words = {word for text in texts for word in (text, *re.split(r"[\W_]+", text))}
    rest = password
    for word in sorted(words, key=len, reverse=True):
        if len(word) >= _KNOWN_WORD:
            rest = rest.replace(word, "")
    return rest != password and len(rest) < _LEFT


@functools.cache
def _dummy_hash() -> str:
    return _hasher.hash(secrets.token_urlsafe())


@functools.cache
def _common() -> frozenset[str]:
    listed = resources.files(__package__).joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(line for line in listed.splitlines() if line and not line.startswith("#"))
