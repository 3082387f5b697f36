"""Text as it is compared by a search: in lower case, without accents."""

from __future__ import annotations

import re
import unicodedata

#: What Unicode takes for letters of their own, and people write without.
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "\N{LATIN SMALL LETTER DOTLESS I}": "i"}
    | {"\N{GREEK SMALL LETTER FINAL SIGMA}": "\N{GREEK SMALL LETTER SIGMA}"}
    | {"ß": "ss", "æ": "ae", "œ": "oe", "þ": "th"}
)
_MARKS = re.compile("[\u0300-\u036f]")


def fold(text: str | None) -> str | None:
    """Return ``text`` in lower case and without accents. Core's migration has it for PostgreSQL."""
    if text is None or text.isascii():
        return text and text.lower()
    return _MARKS.sub("", unicodedata.normalize("NFKD", text)).lower().translate(_LETTERS)
