"""The canonical form of email addresses, so that one person is one sender however they type it."""

from __future__ import annotations

import unicodedata
from typing import Final

from changemaker_core import without_invisible
from changemaker_core.mail import Address, InvalidAddress

#: RFC 5321, section 4.5.3.1.3, less the angle brackets.
MAX_ADDRESS: Final = 254
_WIDE_AT: Final = "\uff20"
_JOINERS: Final = "\u200c\u200d"


def canonical(email: str) -> str:
    """``"Zoé@EXÄMPLE.org"`` → ``"zoé@xn--exmple-cua.org"``.

    Case, composed and wide forms of letters, invisible characters, and the alphabet of the domain
    do not make another address. Raises ``InvalidAddress`` or ``HeaderInjection``.
    """
    # Invisible characters go first: they would keep a letter and its accent apart.
    local, at, domain = email.replace(_WIDE_AT, "@").rpartition("@")
    visible = unicodedata.normalize("NFKC", without_invisible(local)).lower()
    address = Address("", f"{visible}{at}{_visible_domain(domain)}").envelope
    if len(address) > MAX_ADDRESS:
        raise InvalidAddress(email)
    return address


def _visible_domain(domain: str) -> str:
    """Return a domain without invisible characters, except for those that make it another one.

    In the scripts of Persian or Hindi, a joiner is part of a name (IDNA 2008); upper case of their
    kind, and wide letters, are the business of IDNA.
    """
    visible = without_invisible(domain)
    if visible.isascii():
        return visible.lower()
    return "".join(each for each in domain if each in _JOINERS or without_invisible(each))
