"""Placeholders of a campaign's message, such as ``{recipient_name}``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES: Final = ("recipient_name", "sender_name", "postal_code")
#: One pair of braces or two, with spaces or without. Everything else in braces is text.
_PLACEHOLDER: Final = re.compile(rf"\{{{{1,2}}\s*({'|'.join(NAMES)})\s*\}}{{1,2}}")
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
        if (match[1] or match[2]).strip() not in NAMES
    ]


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return ``text`` with its placeholders replaced; values are not searched for more of them.

    A placeholder that ``values`` does not have stays as it is.

    >>> fill("Dear {recipient_name}, {x}", {"recipient_name": "{sender_name}"})
    'Dear {sender_name}, {x}'
    """
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text)
