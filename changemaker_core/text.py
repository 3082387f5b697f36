"""Text that a person will read, kept translatable until somebody reads it."""

from __future__ import annotations

from typing import Any


class Text(str):
    """A message in English that remembers how to be said in another language.

    It *is* its English wording, so logs, exceptions and plain callers need to know nothing. Where
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
