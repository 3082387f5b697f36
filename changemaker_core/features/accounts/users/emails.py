"""Email addresses as accounts store and compare them."""

from __future__ import annotations

import unicodedata
from typing import Final

from changemaker_core import FieldError, Invalid, Text
from changemaker_core.mail import Address, HeaderInjection, InvalidAddress

#: Of an address as it is stored; RFC 5321 knows no longer ones.
_LONGEST: Final = 254


def canonical(email: str) -> str:
    """Return an address as it is stored: ``"Zoé@EXÄMPLE.org"`` → ``"zoé@xn--exmple-cua.org"``.

    Capitals, composed letters, and the alphabet of the domain do not make another address. Nothing
    else is folded: ``faß@example.org`` is another mailbox than ``fass@example.org``, and mail for
    one must not go to the other.
    """
    try:
        return _folded(email)
    except (InvalidAddress, HeaderInjection):  # such as may be typed at sign-in: no account's
        return email.lower()


def check_email(email: str) -> str:
    """Return an address as it is stored. Raise ``Invalid`` for one that no account can have.

    The type ``Email`` is a pattern, which cannot tell whether there can be such a domain, or how
    long it is as the DNS has it.
    """
    try:
        address = _folded(email)
    except (InvalidAddress, HeaderInjection):
        address = ""
    if not 0 < len(address) <= _LONGEST:
        problem = Text("Enter an email address such as name@example.org.")
        raise Invalid([FieldError("email", problem)])
    return address


def _folded(email: str) -> str:
    local, _, domain = email.rpartition("@")
    local = unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).lower())
    if domain.isascii():
        domain = domain.lower()  # other capitals are the business of IDNA
    return Address("", f"{local}@{domain}").envelope
