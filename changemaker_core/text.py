"""Text that a person reads: translated lazily, as a part of an address, and safe to print."""

from __future__ import annotations

import difflib
import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Letters that do not decompose into a letter and an accent.
_LETTERS: Final = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ß": "ss"})


class Text(str):
    """A message in English that is translated once its reader's language is known.

    It *is* a ``str`` in English, so logs, exceptions and other callers use it as it is. Where
    a reader's language is known, ``Translations.translate(text, locale)`` looks up ``message`` and
    fills in ``params`` (``str.format`` names).

    >>> Text("No campaign is called {slug}.", slug="parks")
    'No campaign is called parks.'
    """

    __slots__ = ("message", "params")

    message: str
    params: dict[str, Any]

    def __new__(cls, message: str, /, **params: Any) -> Text:
        text = super().__new__(cls, message.format(**params) if params else message)
        text.message = message
        text.params = params
        return text


def slugify(text: str, fallback: str, longest: int = 80) -> str:
    """Return ``text`` as a part of an address: ``a-z``, ``0-9`` and hyphens, without accents.

    ``fallback`` is returned for a text that has none of these.

    >>> slugify("L'eau, c'est sacré !", "campaign")
    'l-eau-c-est-sacre'
    """
    folded = text.casefold()
    plain = folded if folded.isascii() else _without_accents(folded.translate(_LETTERS))
    slug = re.sub(r"[^a-z0-9]+", "-", plain, flags=re.ASCII).strip("-")
    return slug[:longest].rstrip("-") or fallback


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'base_url'?``, with a leading space, or an empty string."""
    exact = {name.lower(): name for name in sorted(known)}
    close = difflib.get_close_matches(word.lower(), exact, n=1)
    return f" Did you mean {exact[close[0]]!r}?" if close else ""


def printable(text: str) -> str:
    """Return a text for a terminal: what would move its cursor, or end the line, is a ``�``.

    >>> printable("Ann\\r\\x1b[2J")
    'Ann��[2J'
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(character: str) -> str:
    # French has spaces before punctuation that do not break, which Python takes for unprintable.
    shown = character.isprintable() or unicodedata.category(character) == "Zs"
    return character if shown else "�"
