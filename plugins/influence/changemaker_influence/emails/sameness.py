"""When two letters are the same: what their recipient would read is equal."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from changemaker_influence.emails.queries import EmailToSend


def delivery_key(email: EmailToSend) -> str:
    """Return the key of a letter; letters with equal keys are handed over once.

    Anybody can write in somebody's name: an address that nobody has proven to be theirs does not
    make another letter theirs. So the key has everything that the recipient reads, and a letter
    that differs in anything but its spaces and line ends is another one.
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
    folded = "\0".join(" ".join(unicodedata.normalize("NFC", each).split()) for each in read)
    return hashlib.sha256(folded.encode()).hexdigest()
