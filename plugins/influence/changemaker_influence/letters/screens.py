"""What letters add to the organisers' pages, where admin is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from changemaker_admin.api import (
    AdminScreen,
    Attention,
    Badge,
    BulkAction,
    Choice,
    Column,
    DateRange,
    Empty,
    ListScreen,
    Screen,
    Search,
)
from changemaker_core import NotFound, Text
from changemaker_core.features.operations import api as operations
from changemaker_influence.campaigns import permissions
from changemaker_influence.campaigns.queries import campaigns, title_of
from changemaker_influence.emails.jobs import QUEUE
from changemaker_influence.letters import reasons
from changemaker_influence.letters.pages import CancelPage, LetterPage, RetryPage, SettlePage
from changemaker_influence.letters.queries import LetterRow, letters, letters_of_campaign
from changemaker_influence.letters.words import BADGES
from changemaker_influence.outcomes import services

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from changemaker_core import Request, Site, Tx

#: Campaigns that can be chosen in the filter, the newest ones.
MOST_CAMPAIGNS: Final = 200
_BADGES: Final[Mapping[str, Badge]] = {
    status: Badge(badge.text, badge.tone) for status, badge in BADGES.items()
}
_STATUSES: Final[Mapping[str, Text]] = {status: badge.text for status, badge in BADGES.items()}
_LEVELS: Final = {
    "FEDERAL": Text("Federal"),
    "PROVINCIAL": Text("Provincial"),
    "MUNICIPAL": Text("Municipal"),
    "SCHOOL_BOARD": Text("School board"),
}
_EDITED: Final = {
    "true": Text("In the sender's own words"),
    "false": Text("The campaign's text, unchanged"),
}


def screens() -> list[AdminScreen]:
    """Return the screens of letters."""
    return [
        ListScreen(
            path="/admin/letters",
            title=Text("Letters"),
            permission=permissions.READ_EMAILS,
            on="*",
            query=letters,
            columns=[*_COLUMNS[:4], _CAMPAIGN, *_COLUMNS[4:]],
            filters=[_STATUS, Choice("campaign", Text("Campaign"), _campaigns), *_FILTERS],
            actions=_ACTIONS,
            group="campaigns",
            icon="mail",
            order=20,
            export="letters",
            empty=Empty(
                Text("No letters yet"),
                Text("Once a campaign is published, the letters of its supporters are here."),
            ),
            template="influence/admin/letters.html",
            context=_context,
            enrich=_explained,
        ),
        ListScreen(
            path="/admin/campaigns/{id}/letters",
            title=Text("Letters"),
            permission=permissions.READ_EMAILS,
            on="id",
            query=letters_of_campaign,
            columns=_COLUMNS,
            filters=[_STATUS, *_FILTERS],
            actions=_ACTIONS,
            export="letters",
            empty=Empty(
                Text("No letters yet"),
                Text("Once the campaign is published, the letters of its supporters are here."),
            ),
            template="influence/admin/letters.html",
            context=_context_of_campaign,
            enrich=_explained,
        ),
        Screen("/admin/letters/{id}", LetterPage()),
        Screen("/admin/letters/{id}/retry", RetryPage()),
        Screen("/admin/letters/{id}/cancel", CancelPage()),
        Screen("/admin/letters/{id}/settle", SettlePage()),
    ]


def attention() -> list[Attention]:
    """Return what waits for a person: letters that failed, and those of unknown outcome."""
    return [
        Attention(
            "influence.unknown_letters",
            Text("Letters of unknown outcome"),
            permissions.WRITE_EMAILS,
            _count_unknown,
            "/admin/letters?status=UNKNOWN",
            Text("Find out whether they arrived, and settle each."),
            on="*",
            order=20,
        ),
        Attention(
            "influence.failed_letters",
            Text("Failed letters"),
            permissions.WRITE_EMAILS,
            _count_failed,
            "/admin/letters?status=FAILED",
            Text("See why, and send them again once the cause is gone."),
            on="*",
            order=30,
        ),
    ]


async def _count_unknown(site: Site, objects: Sequence[str] | None) -> int:
    return await _count(site, "UNKNOWN", objects)


async def _count_failed(site: Site, objects: Sequence[str] | None) -> int:
    return await _count(site, "FAILED", objects)


async def _count(site: Site, status: str, objects: Sequence[str] | None) -> int:
    ids = None if objects is None else list(objects)
    return await site.db.count(letters(status=status, objects=ids))


async def _context(req: Request) -> dict[str, Any]:
    return {"hold": await operations.hold_of(req.site, QUEUE), "campaign": None}


async def _context_of_campaign(req: Request, *, id: str) -> dict[str, Any]:
    title = await req.site.db.one(title_of(id=id))
    if title is None:
        raise NotFound
    return {**await _context(req), "campaign": {"id": id, "title": title}}


async def _campaigns(req: Request) -> Mapping[str, str]:
    """Return the titles of the campaigns whose letters a visitor may see, by id."""
    ids = req.actor.objects(permissions.READ_EMAILS) if req.actor else []
    found = await req.site.db.all(campaigns(ids=ids, limit=MOST_CAMPAIGNS))
    return {each.id: each.title for each in found}


class ExplainedLetter(LetterRow, frozen=True, kw_only=True):
    """A letter in a list, and why it is in its state."""

    why: str | None


async def _explained(site: Site, rows: list[LetterRow]) -> list[ExplainedLetter]:
    """Return letters with the reasons of their states, of which one is that mail is held."""
    hold, now = await operations.hold_of(site, QUEUE), site.clock()
    return [
        ExplainedLetter(
            **msgspec.structs.asdict(row),
            why=reasons.why(
                status=row.status,
                error=row.error,
                send_after=row.send_after,
                repeats=row.repeats,
                hold=hold,
                now=now,
            ),
        )
        for row in rows
    ]


def _settle_as_sent(tx: Tx, id: str) -> object:
    return services.settle(tx, id, "sent")


def _settle_as_not_sent(tx: Tx, id: str) -> object:
    return services.settle(tx, id, "not_sent")


_CAMPAIGN: Final = Column("campaign_title", Text("Campaign"), link="/admin/campaigns/{campaign_id}")
_COLUMNS: Final = (
    Column("recipient_name", Text("Recipient"), link="/admin/letters/{id}"),
    Column("sender_name", Text("Sender")),
    Column("status", Text("Status"), "status", badges=_BADGES),
    # It is made of the page's rows, of which a file has all: the error is in the file.
    Column("why", Text("Why"), value=lambda row: row.why, exported=False),
    Column("created_at", Text("Written on"), "datetime"),
    Column("sender_email", Text("Email address of the sender"), shown=False),
    Column("postal_code", Text("Postal code"), shown=False),
    Column("recipient_email", Text("Email address of the recipient"), shown=False),
    Column("recipient_office", Text("Office of the recipient"), shown=False),
    Column("subject", Text("Subject"), shown=False),
    Column("sent_at", Text("Sent on"), "datetime", shown=False),
    Column("error", Text("Error"), shown=False),
    Column("id", Text("Id of the message"), shown=False),
)
_STATUS: Final = Choice("status", Text("Status"), _STATUSES)
_FILTERS: Final = (
    Choice("level", Text("Level of government"), _LEVELS),
    Choice("edited", Text("Text"), _EDITED),
    DateRange("created", Text("Written")),
    Search(
        Text("Search"),
        hint=Text("A whole email address, or a name in the newest 10,000 letters"),
    ),
)
_ACTIONS: Final = (
    BulkAction(
        name="retry",
        label=Text("Send again"),
        permission=permissions.WRITE_EMAILS,
        text=Text("Letters that failed are sent again. They certainly did not arrive before."),
        run=services.retry,
    ),
    BulkAction(
        name="cancel",
        label=Text("Cancel"),
        permission=permissions.WRITE_EMAILS,
        text=Text("Letters that wait are not sent. This cannot be undone."),
        run=services.cancel,
    ),
    BulkAction(
        name="settle-sent",
        label=Text("Settle as sent"),
        permission=permissions.WRITE_EMAILS,
        text=Text(
            "Letters of unknown outcome count as sent, and are not sent again. Choose this if the"
            " log of the mail server has them, or their recipients do."
        ),
        run=_settle_as_sent,
    ),
    BulkAction(
        name="settle-not-sent",
        label=Text("Settle as not sent"),
        permission=permissions.WRITE_EMAILS,
        text=Text(
            "Letters of unknown outcome count as failed, and can then be sent again. Whoever did"
            " receive one gets it twice."
        ),
        run=_settle_as_not_sent,
    ),
)
