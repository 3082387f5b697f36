"""What may follow what: the only place that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

CampaignStatus = Literal["DRAFT", "ACTIVE", "PAUSED", "ARCHIVED"]
EmailStatus = Literal["QUEUED", "SENDING", "SENT", "FAILED", "UNKNOWN"]

#: A campaign that was once published is never a draft again.
CAMPAIGN: Final[Mapping[CampaignStatus, frozenset[CampaignStatus]]] = {
    "DRAFT": frozenset({"ACTIVE", "ARCHIVED"}),
    "ACTIVE": frozenset({"PAUSED", "ARCHIVED"}),
    "PAUSED": frozenset({"ACTIVE", "ARCHIVED"}),
    "ARCHIVED": frozenset({"PAUSED"}),
}

#: ``QUEUED`` follows itself after a try that failed before anything was handed over. ``SENDING``
#: goes back to ``QUEUED`` only where the server certainly did not take the message. Nothing
#: leaves ``UNKNOWN`` by itself: a second try might be a second mail.
EMAIL: Final[Mapping[EmailStatus, frozenset[EmailStatus]]] = {
    "QUEUED": frozenset({"QUEUED", "SENDING", "FAILED"}),
    "SENDING": frozenset({"QUEUED", "SENT", "FAILED", "UNKNOWN"}),
    "SENT": frozenset(),
    "FAILED": frozenset(),
    "UNKNOWN": frozenset(),
}
#: The status page need not look again.
FINAL: Final = frozenset({"SENT", "FAILED", "UNKNOWN"})


class IllegalTransition(Exception):
    """Something tried to go from one state to another that does not follow it."""

    def __init__(self, what: str, now: str, wanted: str) -> None:
        super().__init__(f"{what} is {now} and cannot become {wanted}")
        self.now = now
        self.wanted = wanted


def check_campaign(now: CampaignStatus, wanted: CampaignStatus) -> None:
    """Raises ``IllegalTransition``. To stay as it is may always happen."""
    if wanted != now and wanted not in CAMPAIGN[now]:
        raise IllegalTransition("the campaign", now, wanted)


def may_become(wanted: EmailStatus) -> frozenset[EmailStatus]:
    """The states from which an email may become ``wanted``."""
    return frozenset(now for now, following in EMAIL.items() if wanted in following)
