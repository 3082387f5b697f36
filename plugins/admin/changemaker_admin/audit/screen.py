"""The list of ``/admin/audit``: who did what, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from changemaker_admin.api import Choice, Column, DateRange, Empty, ListScreen, Search
from changemaker_admin.audit.pages import AUDIT_PATH, last_verification
from changemaker_admin.audit.words import words_of
from changemaker_core import Text
from changemaker_core.features.accounts import api as accounts
from changemaker_core.features.audit import api as audit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from changemaker_core import Request, Site

#: Seconds for which the names of actions are cached: a new one is rare.
_CACHED: Final = 60


async def person_of(site: Site, typed: str) -> str:
    """Return the id of the user with an email address; any other text as it was typed."""
    if "@" not in typed:
        return typed
    account = await site.db.one(accounts.account_by_email(typed.lower()))
    return typed if account is None else account.id


async def actions_of(req: Request) -> Mapping[str, str]:
    """Return the actions that there are entries of, by their code, in words."""

    async def read() -> list[str]:
        return [row.action for row in await req.site.db.all(audit.actions())]

    found = await req.site.cache.get_or_make(
        ("admin.audit_actions",), read, seconds=_CACHED, type=list[str]
    )
    translate = req.site.translations.translate
    named = {}
    for action in found:
        words = words_of(action, accounts.roles_of(req.site).scopes)
        subject, deed = (translate(word, req.locale) for word in words)
        named[action] = f"{subject}: {deed}" if subject else action
    return named


class ListedEntry(audit.EntryOut, frozen=True, kw_only=True):
    """An entry of the list, with the words for its action."""

    words: tuple[str, str]


async def with_people(site: Site, rows: list[Any]) -> Sequence[ListedEntry]:
    """Return entries with the names that are stored apart, as far as these are not erased."""
    scopes = accounts.roles_of(site).scopes
    return [
        ListedEntry(**msgspec.structs.asdict(entry), words=words_of(entry.action, scopes))
        for entry in await audit.with_values(site, rows)
    ]


def _actor(entry: audit.EntryOut) -> str | None:
    return entry.actor.name or entry.actor.id


async def _context(req: Request) -> dict[str, Any]:
    site = req.site
    standing = await site.db.read(audit.standing_of, site)
    return {
        "standing": standing,
        "verified": await last_verification(site),
        "export_path": f"{audit.PATH}/export",
    }


SCREEN: Final = ListScreen(
    path=AUDIT_PATH,
    title=Text("Audit log"),
    permission=audit.READ,
    group="system",
    icon="history",
    order=730,
    query=audit.listed,
    sort="-at",
    columns=[
        Column("at", Text("When"), "datetime", sort=True),
        Column("actor", Text("Who"), value=_actor),
        Column("action", Text("What")),
        Column("label", Text("Object"), value=lambda entry: entry.label or entry.object_id),
        Column("changes", Text("Changed"), value=lambda entry: len(entry.changes)),
    ],
    filters=[
        Search(Text("Person"), "actor", Text("Their email address"), read=person_of),
        Choice("action", Text("What"), actions_of),
        Search(Text("Object"), "object", Text("Its id, as an entry shows it")),
        DateRange("at", Text("When")),
    ],
    empty=Empty(Text("Nothing yet"), Text("What people decide here is recorded from now on.")),
    macros="admin/audit/cells.html",
    template="admin/audit/log.html",
    context=_context,
    enrich=with_people,
)
