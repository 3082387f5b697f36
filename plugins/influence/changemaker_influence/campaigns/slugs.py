"""Slugs: a campaign's title in its URL."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Container

MAX_SLUG: Final = 80
_FALLBACK: Final = "campaign"
#: Letters that do not decompose into a letter and an accent.
_LETTERS: Final = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ß": "ss"})


def slugify(title: str) -> str:
    """``"L'eau, c'est sacré !"`` → ``"l-eau-c-est-sacre"``; never empty, at most 80 long."""
    folded = title.casefold()
    plain = folded if folded.isascii() else _without_accents(folded.translate(_LETTERS))
    slug = re.sub(r"[^a-z0-9]+", "-", plain, flags=re.ASCII).strip("-")
    return slug[:MAX_SLUG].rstrip("-") or _FALLBACK


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def free_slug(title: str, taken: Container[str]) -> str:
    """Return the title's slug, numbered from 2 where it is taken."""
    slug, number = slugify(title), 1
    candidate = slug
    while candidate in taken:
        number += 1
        ending = f"-{number}"
        candidate = slug[: MAX_SLUG - len(ending)].rstrip("-") + ending
    return candidate
