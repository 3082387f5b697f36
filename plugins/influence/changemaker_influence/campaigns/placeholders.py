"""Placeholders of a campaign's message, such as ``{recipient_name}``."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from changemaker_core import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES: Final = ("recipient_name", "sender_name", "postal_code")
#: The same in the languages of letters: what is left in a letter is read by whoever signs it.
IN_LANGUAGE: Final[Mapping[str, Mapping[str, str]]] = {
    "fr": {
        "recipient_name": "nom_du_destinataire",
        "sender_name": "votre_nom",
        "postal_code": "code_postal",
    },
}
_NAME_OF: Final = {
    **{name: name for name in NAMES},
    **{word: name for words in IN_LANGUAGE.values() for name, word in words.items()},
}
#: Characters of a subject, and of a body, once their placeholders are replaced: a short text that
#: repeats one becomes a long letter, once for each recipient.
LONGEST_FILLED: Final = {"subject": 1_000, "body": 40_000}
#: One pair of braces or two, with spaces or without. Everything else in braces is text.
_PLACEHOLDER: Final = re.compile(rf"\{{{{1,2}}\s*({'|'.join(_NAME_OF)})\s*\}}{{1,2}}")
#: Looks like a placeholder: anything in two pairs of braces, or one word in one.
_CANDIDATE: Final = re.compile(r"\{\{([^{}]{1,100})\}\}|\{\s*([^\W\d]\w{0,99})\s*\}")


def unknown(text: str) -> list[str]:
    """Return what looks like a placeholder and is none, most likely misspelt or never filled in.

    >>> unknown("Dear {recipent_name} of {postal_code}, {} {1} {{your town}}")
    ['{recipent_name}', '{{your town}}']
    """
    return [
        match[0]
        for match in _CANDIDATE.finditer(text)
        if (match[1] or match[2]).strip() not in _NAME_OF
    ]


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return ``text`` with its placeholders replaced; values are not searched for more of them.

    A placeholder that ``values`` does not have stays as it is.

    >>> fill("Dear {recipient_name}, {x}", {"recipient_name": "{sender_name}"})
    'Dear {sender_name}, {x}'
    """
    return _PLACEHOLDER.sub(lambda match: values.get(_NAME_OF[match[1]], match[0]), text)


def translated(text: str, language: str) -> str:
    """Return ``text`` with its placeholders named in a language.

    >>> translated("Bonjour {{recipient_name}}", "fr")
    'Bonjour {nom_du_destinataire}'
    """
    words = IN_LANGUAGE.get(language, {})

    def word(match: re.Match[str]) -> str:
        name = _NAME_OF[match[1]]
        return f"{{{words.get(name, name)}}}"

    return _PLACEHOLDER.sub(word, text)


def named_in(language: str) -> dict[str, str]:
    """Return the placeholders as a letter of this language has them, by name."""
    words = IN_LANGUAGE.get(language, {})
    return {name: f"{{{words.get(name, name)}}}" for name in NAMES}


def first(text: str) -> str:
    """Return the first placeholder of a text as it is written there; ``""`` where it has none."""
    found = _PLACEHOLDER.search(text)
    return found[0] if found else ""


def too_long(most: int) -> Text:
    """Return the error of a text that is longer than that with its placeholders replaced."""
    return Text(
        "With the names filled in, this would have more than {most} characters. Shorten it.",
        most=most,
    )


class FilledLength:
    """How long a text is once its placeholders are replaced, without replacing them.

    >>> FilledLength("Dear {recipient_name}").of({"recipient_name": "Ann"})
    8
    """

    def __init__(self, text: str) -> None:
        found = list(_PLACEHOLDER.finditer(text))
        self._other = len(text) - sum(len(match[0]) for match in found)
        self._times = Counter(_NAME_OF[match[1]] for match in found)

    def of(self, values: Mapping[str, str]) -> int:
        """Return the length with these values, which have every placeholder of the text."""
        return self._other + sum(times * len(values[name]) for name, times in self._times.items())
