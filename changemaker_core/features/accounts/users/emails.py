"""Email addresses that accounts can have."""

from __future__ import annotations

from typing import Final

from changemaker_core import FieldError, Invalid, Text
from changemaker_core.mail import HeaderInjection, InvalidAddress
from changemaker_core.mail.canonical import folded

#: Of an address as it is stored; RFC 5321 knows no longer ones.
_LONGEST: Final = 254


def check_email(email: str) -> str:
    """Return an address as it is stored. Raise ``Invalid`` for one that no account can have.

    The type ``Email`` is a pattern, which cannot tell whether there can be such a domain, or how
    long it is as the DNS has it.
    """
    try:
        address = folded(email)
    except (InvalidAddress, HeaderInjection):
        address = ""
    if not 0 < len(address) <= _LONGEST:
        problem = Text("Enter an email address such as name@example.org.")
        raise Invalid([FieldError("email", problem)])
    return address
