"""Canadian postal codes: letter digit letter, digit letter digit.

The letters D, F, I, O, Q and U are not used at all, W and Z not in the first place.
Source: Canada Post, Addressing Guidelines.
"""

from __future__ import annotations

import re
from typing import Final

from changemaker_core import Text

_CODE: Final = re.compile(
    r"[ABCEGHJ-NPRSTVXY][0-9][ABCEGHJ-NPRSTV-Z][0-9][ABCEGHJ-NPRSTV-Z][0-9]", re.ASCII
)
_BETWEEN: Final = re.compile(r"[\s\-\u2010-\u2015]+")
#: The length of a code with generous spacing; longer input is rejected unread.
MAX_TYPED: Final = 20


class PostalCodeInvalid(ValueError):
    """The typed text is not a postal code. ``reason`` tells the visitor the format."""

    def __init__(self, reason: Text) -> None:
        super().__init__(reason)
        self.reason = reason


def normalise(typed: str) -> str:
    """``l5g 4l3`` → ``L5G4L3``. Any case, spacing or hyphen; else ``PostalCodeInvalid``."""
    code = _BETWEEN.sub("", typed[: MAX_TYPED + 1]).upper()
    if len(typed) > MAX_TYPED or not _CODE.fullmatch(code):
        raise PostalCodeInvalid(Text("Enter a Canadian postal code in the format A1A 1A1."))
    return code


def format_code(code: str) -> str:
    """``L5G4L3`` → ``L5G 4L3``, as people write it."""
    return f"{code[:3]} {code[3:]}" if len(code) == 6 else code
