"""Canadian postal codes: letter digit letter, digit letter digit.

The letters D, F, I, O, Q and U are not used at all, W and Z not in the first place.
Source: Canada Post, Addressing Guidelines.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from changemaker_core import Text, without_invisible

_PLACES: Final = (
    "[ABCEGHJ-NPRSTVXY]",
    "[0-9]",
    "[ABCEGHJ-NPRSTV-Z]",
    "[0-9]",
    "[ABCEGHJ-NPRSTV-Z]",
    "[0-9]",
)
_CODE: Final = re.compile("".join(_PLACES))
_BEGINNING: Final = re.compile("(?:".join(_PLACES) + ")?" * (len(_PLACES) - 1))
#: What people write between the letters, or behind a code that ends a sentence.
_BETWEEN: Final = re.compile(r"[\s\-\u2010-\u2015\u2212.,;:_\u00b7]+")
#: Letters that look like the digit whose place they are in; no code has O or I anywhere.
_AS_DIGITS: Final = str.maketrans("OIL", "011")
#: The length of a code with generous spacing; longer input is rejected unread.
MAX_TYPED: Final = 20
#: As many characters may take no space: they come along with text that is copied.
_MAX_RAW: Final = 100


class PostalCodeInvalid(ValueError):
    """The typed text is not a postal code. ``reason`` tells the visitor the format."""

    def __init__(self, reason: Text) -> None:
        super().__init__(reason)
        self.reason = reason


def normalise(typed: str) -> str:
    """``l5g 4l3`` → ``L5G4L3``; raises ``PostalCodeInvalid``.

    Any case, spacing, dash, point or width of the characters; invisible characters are ignored, and
    O is read as 0, I and L as 1, where a digit must stand.
    """
    code = _compact(typed)
    if code is None or not _CODE.fullmatch(code):
        raise PostalCodeInvalid(Text("Enter a Canadian postal code in the format A1A 1A1."))
    return code


def normalise_beginning(written: str) -> str | None:
    """Return the normal form of a code or the beginning of one; ``None`` where no code has it.

    >>> normalise_beginning("l5g"), normalise_beginning("K1A-0"), normalise_beginning("90210")
    ('L5G', 'K1A0', None)
    """
    code = _compact(written)
    return code if code and _BEGINNING.fullmatch(code) else None


def search_page(locale: str) -> str:
    """Return the page of the House of Commons on which people find their member by postal code."""
    if locale == "fr":
        return "https://www.noscommunes.ca/members/fr/search"
    return "https://www.ourcommons.ca/members/en/search"


def format_code(code: str) -> str:
    """``L5G4L3`` → ``L5G 4L3``, as people write it."""
    return f"{code[:3]} {code[3:]}" if len(code) == 6 else code


def _compact(typed: str) -> str | None:
    """Return the letters and digits as Canada Post writes them; ``None`` for far too many."""
    if len(typed) > _MAX_RAW:
        return None
    visible = unicodedata.normalize("NFKC", without_invisible(typed))
    if len(visible) > MAX_TYPED:
        return None
    code = _BETWEEN.sub("", visible).upper()
    return "".join(
        letter.translate(_AS_DIGITS) if place % 2 else letter for place, letter in enumerate(code)
    )
