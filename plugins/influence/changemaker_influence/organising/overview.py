"""``/admin/campaigns``: all campaigns of the organisation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from changemaker_admin.api import Badge, Choice, Column, Empty, Link, ListScreen, Search
from changemaker_core import Text, utcnow
from changemaker_influence.campaigns import permissions, queries
from changemaker_influence.organising import frame
from changemaker_influence.organising.forms import LANGUAGE_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from changemaker_influence.campaigns.schemas import CampaignRow

#: As badges of lists have them.
_TONES: Final[Mapping[str, Literal["neutral", "ok", "warn"]]] = {
    "": "neutral",
    "brand": "ok",
    "ok": "ok",
    "warn": "warn",
}
_STATUSES: Final = {
    "DRAFT": Text("Draft"),
    "ACTIVE": Text("Live"),
    "PAUSED": Text("Paused"),
    "ARCHIVED": Text("Archived"),
}


def campaign_list() -> ListScreen:
    """Return the list, for those who may see some campaigns."""
    new = Link(Text("New campaign"), f"{frame.ROOT}/new", permissions.WRITE)
    return ListScreen(
        path=frame.ROOT,
        title=Text("Campaigns"),
        permission=permissions.READ,
        on="*",
        group="campaigns",
        icon="megaphone",
        order=10,
        query=queries.campaign_rows,
        columns=[
            Column("title", Text("Title"), link=f"{frame.ROOT}/{{id}}", sort=True),
            Column(
                "state",
                Text("State"),
                "status",
                value=_state,
                badges={
                    state: Badge(word, _TONES[kind]) for state, (kind, word) in frame.BADGES.items()
                },
            ),
            Column("sent", Text("Letters sent"), "number"),
            Column("language", Text("Language"), value=_language),
            Column("slug", Text("Address"), shown=False),
            Column("created_at", Text("Created"), "datetime", shown=False),
            Column("updated_at", Text("Changed"), "datetime", sort=True),
        ],
        filters=[
            Search(Text("Search"), hint=Text("Title or address")),
            Choice("status", Text("State"), _STATUSES),
        ],
        links=[new],
        export="campaigns",
        empty=Empty(
            Text("No campaigns yet"),
            Text("A campaign is a letter that supporters send to the people who decide."),
            Link(Text("Begin the first campaign"), new.path, new.permission),
        ),
    )


def _state(row: CampaignRow) -> str:
    return frame.state_of(row, utcnow())


def _language(row: CampaignRow) -> str:
    return LANGUAGE_NAMES.get(row.language, row.language)
