"""Text that a person reads: translated when it is rendered, and suggestions for misspelt names."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


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


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'base_url'?``, with a leading space, or an empty string."""
    close = difflib.get_close_matches(word, sorted(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
