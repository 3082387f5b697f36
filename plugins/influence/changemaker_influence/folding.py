"""What people write differently and mean alike: case, accents, dashes, invisible characters."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from changemaker_core import without_invisible

_APOSTROPHES: Final = re.compile("['\u2018\u2019\u02bc\u02b9`\u00b4]")
_BETWEEN_WORDS: Final = re.compile(r"[\W_]+")
_LIGATURES: Final = str.maketrans({"œ": "oe", "æ": "ae"})


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
