"""When two letters are the same: what their recipient would read is equal."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from changemaker_influence.emails.queries import EmailToSend

#: What mail changes on its way: line ends, and spaces before them. Nobody sees these, nor the empty
#: lines at the end.
_LINE_END: Final = re.compile(r"\r\n?")
_TRAILING: Final = re.compile(r"(?<![ \t])[ \t]+$", re.MULTILINE)


def delivery_key(email: EmailToSend) -> str:
    """Return the key of a letter; letters with equal keys are handed over once.

    Anybody can write in somebody's name: an address that nobody has proven to be theirs does not
    make another letter theirs. So the key has everything that the recipient reads, and a letter
    that differs in anything but what mail itself changes is another one: whoever tears somebody's
    letter to pieces with empty lines has not written it.
    """
    read = (
        email.campaign_id,
        email.sender_email,
        email.recipient_email,
        email.sender_name,
        email.postal_code,
        email.subject,
        email.body,
    )
    return hashlib.sha256("\0".join(map(_folded, read)).encode()).hexdigest()


def _folded(text: str) -> str:
    lines = _LINE_END.sub("\n", unicodedata.normalize("NFC", text))
    return _TRAILING.sub("", lines).rstrip("\n")
