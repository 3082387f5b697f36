"""Why a letter is where it is, in words for organisers.

Reply codes are those of RFC 5321, enhanced codes those of RFC 3463.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from changemaker_core import Text
from changemaker_influence.emails.services import NO_RESPONSE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from changemaker_core.features.operations.api import Hold
    from changemaker_influence.states import EmailStatus

_REPLY: Final = re.compile(r"\s*(\d{3})\b[ -]*(?:[245]\.(\d{1,3})\.(\d{1,3})\b)?")
_NO_MAILBOX: Final = Text("There is no such mailbox. Check the recipient's address.")
_FULL: Final = Text("The recipient's mailbox is full.")
_CLOSED: Final = Text("The recipient's mailbox takes no mail.")
_TOO_BIG: Final = Text("The letter is longer than the recipient's server allows.")
_UNWANTED: Final = Text(
    "The recipient's server refuses the letter by its rules, mostly as unwanted mail."
)
_BUSY: Final = Text("The recipient's server asked to try again later.")
_AWAY: Final = Text("The recipient's server could not be reached.")
_CONTENT: Final = Text("The recipient's server refuses what the letter contains.")
#: By the subject and detail of an enhanced code, the exact ones first.
_BY_ENHANCED: Final[Mapping[tuple[str, str | None], Text]] = {
    ("2", "1"): _CLOSED,
    ("2", "2"): _FULL,
    ("2", "3"): _TOO_BIG,
    ("3", "4"): _TOO_BIG,
    ("1", None): _NO_MAILBOX,
    ("2", None): _CLOSED,
    ("4", None): _AWAY,
    ("6", None): _CONTENT,
    ("7", None): _UNWANTED,
}
_BY_CODE: Final[Mapping[str, Text]] = {
    "421": _BUSY,
    "450": _BUSY,
    "451": _BUSY,
    "452": _FULL,
    "550": _NO_MAILBOX,
    "551": _NO_MAILBOX,
    "552": _FULL,
    "553": _NO_MAILBOX,
    "554": _UNWANTED,
}

ERASED_SENDER: Final = Text("The sender's data was erased, or was kept as long as it is kept.")
REPEATED: Final = Text("An equal letter had been sent: this one was not sent a second time.")
UNKNOWN: Final = Text(
    "The connection broke while the letter was handed over. It may have arrived, or not."
)


def meaning_of(reply: str | None) -> Text | None:
    """Return what a server's reply means; ``None`` where that is in the reply alone."""
    found = _REPLY.match(reply or "")
    if found is None:
        return None
    code, subject, detail = found.groups()
    if subject is not None:
        exact = _BY_ENHANCED.get((subject, detail))
        return exact or _BY_ENHANCED.get((subject, None)) or _BY_CODE.get(code)
    return _BY_CODE.get(code)


def why(
    *,
    status: EmailStatus,
    error: str | None,
    send_after: datetime | None,
    repeats: str | None,
    hold: Hold | None,
    now: datetime,
) -> Text | None:
    """Return why a letter is in its state, where that needs to be said.

    ``hold`` is that of the queue that it waits in.
    """
    if status == "QUEUED":
        return _why_it_waits(error, send_after, hold, now)
    if status == "UNKNOWN":
        return UNKNOWN
    if status == "FAILED":
        if error == NO_RESPONSE:  # settled as not sent
            return Text("A person recorded that it was not sent.")
        return meaning_of(error) or Text("It was tried for days, and was not taken.")
    if status == "SENT" and repeats is not None:
        return REPEATED
    return None


def _why_it_waits(
    error: str | None, send_after: datetime | None, hold: Hold | None, now: datetime
) -> Text:
    if hold is not None:
        return Text("All mail is held.")
    if error is not None:
        return Text("It is tried again. The last time: {reason}", reason=meaning_of(error) or error)
    if send_after is not None and send_after > now:
        return Text(
            "It leaves later: many people have written from the same network or to the same"
            " mailbox."
        )
    return Text("It is sent within a minute or so.")
