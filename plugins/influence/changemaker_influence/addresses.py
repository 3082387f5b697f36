"""The canonical form of email addresses, so that one person is one sender however they type it."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from changemaker_core.mail import Address, InvalidAddress

#: RFC 5321, section 4.5.3.1.3, less the angle brackets.
MAX_ADDRESS: Final = 254
#: Unicode's Default_Ignorable_Code_Point, as far as its category is not Cf: fillers, joiners,
#: variation selectors.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]"
)


def canonical(email: str) -> str:
    """``"Zoé@EXÄMPLE.org"`` → ``"zoé@xn--exmple-cua.org"``.

    Case, composed and wide forms of letters, invisible characters, and the alphabet of the domain
    do not make another address. Raises ``InvalidAddress`` or ``HeaderInjection``.
    """
    # Invisible characters go first: they would keep a letter and its accent apart.
    visible = "".join(c for c in _INVISIBLE.sub("", email) if unicodedata.category(c) != "Cf")
    address = Address("", unicodedata.normalize("NFKC", visible).lower()).envelope
    if len(address) > MAX_ADDRESS:
        raise InvalidAddress(email)
    return address
