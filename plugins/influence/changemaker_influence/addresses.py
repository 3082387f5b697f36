"""The canonical form of email addresses, so that one person is one sender however they type it."""

from __future__ import annotations

import unicodedata
from typing import Final

from changemaker_core.mail import Address, InvalidAddress
from changemaker_influence.folding import without_invisible

#: RFC 5321, section 4.5.3.1.3, less the angle brackets.
MAX_ADDRESS: Final = 254


def canonical(email: str) -> str:
    """``"Zoé@EXÄMPLE.org"`` → ``"zoé@xn--exmple-cua.org"``.

    Case, composed and wide forms of letters, invisible characters, and the alphabet of the domain
    do not make another address. Raises ``InvalidAddress`` or ``HeaderInjection``.
    """
    # Invisible characters go first: they would keep a letter and its accent apart.
    visible = unicodedata.normalize("NFKC", without_invisible(email))
    address = Address("", visible.lower()).envelope
    if len(address) > MAX_ADDRESS:
        raise InvalidAddress(email)
    return address
