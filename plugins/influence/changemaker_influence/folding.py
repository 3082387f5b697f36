"""What people write differently and mean alike: case, accents, dashes, invisible characters."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

#: Unicode's Default_Ignorable_Code_Point, as far as its category is not Cf: fillers, joiners,
#: variation selectors.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]"
)
_APOSTROPHES: Final = re.compile("['\u2018\u2019\u02bc\u02b9`\u00b4]")
_BETWEEN_WORDS: Final = re.compile(r"[\W_]+")
_LIGATURES: Final = str.maketrans({"œ": "oe", "æ": "ae"})


def without_invisible(text: str) -> str:
    """Return ``text`` without characters that take no space: joiners, marks of direction, fillers.

    >>> without_invisible("K1A\\u200b 0A6")
    'K1A 0A6'
    """
    if text.isascii():
        return text
    return "".join(c for c in _INVISIBLE.sub("", text) if unicodedata.category(c) != "Cf")


def is_blank(text: str) -> bool:
    """Return whether a reader would see nothing of ``text``.

    >>> is_blank("\\u200b \\n"), is_blank("\u2764")
    (True, False)
    """
    return not without_invisible(text).strip()


def folded(text: str) -> str:
    """Return ``text`` for comparing: words in lower case, without accents, one space between.

    Dashes of all lengths, slashes and points stand between words; an apostrophe joins its letters.

    >>> folded("Laurier\u2013Sainte-Marie"), folded("LAURIER - Sainte\u2014Marie")
    ('laurier sainte marie', 'laurier sainte marie')
    >>> folded("St. John's, Côte-des-Neiges")
    'st johns cote des neiges'
    """
    joined = _APOSTROPHES.sub("", without_invisible(text))
    decomposed = unicodedata.normalize("NFKD", joined).casefold().translate(_LIGATURES)
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return _BETWEEN_WORDS.sub(" ", bare).strip()
