"""``{recipient_name}`` and its like in a campaign's message."""

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


def fill(text: str, values: Mapping[str, str]) -> str:
    """``text`` with its placeholders replaced, once: a value is never looked through again.

    >>> fill("Dear {recipient_name}, {x}", {"recipient_name": "{sender_name}"})
    'Dear {sender_name}, {x}'
    """

    def value(match: re.Match[str]) -> str:
        return values.get(match[1] or match[2], match[0])

    return _PLACEHOLDER.sub(value, text)
