"""Placeholders of a campaign's message, such as ``{recipient_name}``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES: Final = ("recipient_name", "sender_name", "postal_code")
#: One pair of braces or two. Everything else in braces is text.
_PLACEHOLDER: Final = re.compile(
    rf"\{{\{{ ?({'|'.join(NAMES)}) ?\}}\}}|\{{({'|'.join(NAMES)})\}}", re.ASCII
)
#: Looks like a placeholder.
_CANDIDATE: Final = re.compile(r"\{\{? ?([A-Za-z_]\w*) ?\}", re.ASCII)


def unknown(text: str) -> list[str]:
    """Return the names in braces that are no placeholders, most likely misspelt.

    >>> unknown("Dear {recipent_name} of {postal_code}, {} {1}")
    ['recipent_name']
    """
    return [name for name in _CANDIDATE.findall(text) if name not in NAMES]


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return ``text`` with its placeholders replaced; values are not searched for more of them.

    >>> fill("Dear {recipient_name}, {x}", {"recipient_name": "{sender_name}"})
    'Dear {sender_name}, {x}'
    """

    def value(match: re.Match[str]) -> str:
        return values.get(match[1] or match[2], match[0])

    return _PLACEHOLDER.sub(value, text)
