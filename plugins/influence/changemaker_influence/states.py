"""The statuses of campaigns and messages, and which may follow which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

CampaignStatus = Literal["DRAFT", "ACTIVE", "PAUSED", "ARCHIVED"]
EmailStatus = Literal["QUEUED", "SENDING", "SENT", "FAILED", "UNKNOWN", "CANCELLED"]

#: A campaign that was once published is never a draft again.
CAMPAIGN: Final[Mapping[CampaignStatus, frozenset[CampaignStatus]]] = {
    "DRAFT": frozenset({"ACTIVE", "ARCHIVED"}),
    "ACTIVE": frozenset({"PAUSED", "ARCHIVED"}),
    "PAUSED": frozenset({"ACTIVE", "ARCHIVED"}),
    "ARCHIVED": frozenset({"PAUSED"}),
}

#: ``QUEUED`` follows itself after a try that failed before anything was handed over. ``SENDING``
#: returns to ``QUEUED`` only where the server certainly did not accept the message. ``UNKNOWN`` is
#: final: a second try might be a second mail.
EMAIL: Final[Mapping[EmailStatus, frozenset[EmailStatus]]] = {
    "QUEUED": frozenset({"QUEUED", "SENDING", "FAILED", "CANCELLED"}),
    "SENDING": frozenset({"QUEUED", "SENT", "FAILED", "UNKNOWN"}),
    "SENT": frozenset(),
    "FAILED": frozenset(),
    "UNKNOWN": frozenset(),
    "CANCELLED": frozenset(),
}
#: Statuses that do not change by themselves.
FINAL: Final = frozenset({"SENT", "FAILED", "UNKNOWN", "CANCELLED"})


class IllegalTransition(Exception):
    """A change from one status to another that may not follow it."""

    def __init__(self, subject: str, now: str, wanted: str) -> None:
        super().__init__(f"{subject} is {now} and cannot become {wanted}")
        self.now = now
        self.wanted = wanted


def check_campaign(now: CampaignStatus, wanted: CampaignStatus) -> None:
    """Raise ``IllegalTransition`` unless ``wanted`` may follow ``now`` or is the same."""
    if wanted != now and wanted not in CAMPAIGN[now]:
        raise IllegalTransition("the campaign", now, wanted)


def statuses_before(wanted: EmailStatus) -> frozenset[EmailStatus]:
    """Return the statuses that ``wanted`` may follow."""
    return frozenset(now for now, following in EMAIL.items() if wanted in following)
