"""One way to write each e-mail address, so that somebody is one person however they are typed."""

from __future__ import annotations

import unicodedata
from typing import Final

from changemaker_core.mail import Address, InvalidAddress

#: RFC 5321, section 4.5.3.1.3, less the angle brackets.
MAX_ADDRESS: Final = 254


def canonical(email: str) -> str:
    """``"Zoé@EXÄMPLE.org"`` → ``"zoé@xn--exmple-cua.org"``.

    Case, composed and wide forms of letters, characters that nobody sees, and the alphabet of the
    domain do not make another address. Raises ``InvalidAddress`` or ``HeaderInjection``.
    """
    seen = (c for c in unicodedata.normalize("NFKC", email) if unicodedata.category(c) != "Cf")
    address = Address("", "".join(seen).lower()).envelope
    if len(address) > MAX_ADDRESS:
        raise InvalidAddress(email)
    return address
