"""The words for a letter's status, and how much they matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from changemaker_core import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from changemaker_influence.states import EmailStatus


@dataclass(frozen=True, slots=True)
class StatusBadge:
    """A status as a badge: its words, and their tone."""

    text: Text
    tone: Literal["neutral", "ok", "warn", "danger"]


BADGES: Final[Mapping[EmailStatus, StatusBadge]] = {
    "QUEUED": StatusBadge(Text("Waiting"), "neutral"),
    "SENDING": StatusBadge(Text("Being sent"), "neutral"),
    "SENT": StatusBadge(Text("Sent"), "ok"),
    "FAILED": StatusBadge(Text("Failed"), "danger"),
    "UNKNOWN": StatusBadge(Text("Unknown"), "warn"),
    "CANCELLED": StatusBadge(Text("Cancelled"), "neutral"),
}
