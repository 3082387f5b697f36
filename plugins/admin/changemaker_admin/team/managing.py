"""What the pages about one person share: who it is, and whether the visitor may manage them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from changemaker_core import Forbidden, Text, Unauthorized
from changemaker_core.features.accounts import api as accounts

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core import Actor, Request, Site

TEAM_PATH = "/admin/team"


class NoFields(msgspec.Struct, frozen=True):
    """A form that is nothing but its button."""


def actor_of(req: Request) -> Actor:
    """Return who sends a request. Raise ``Unauthorized`` for nobody."""
    if req.actor is None:
        raise Unauthorized
    return req.actor


def path_of(id: str) -> str:
    """Return the path of a person's page."""
    return f"{TEAM_PATH}/{id}"


def name_of(person: accounts.TeamUser) -> str:
    """Return what a person is called: their name, or their email address where they have none."""
    return person.name or person.email


async def find_person(site: Site, id: str) -> accounts.UserDetail:
    """Return a person with what they may do. Raise ``NotFound``."""
    return await site.db.read(accounts.detail_of, accounts.roles_of(site), id, site.clock())


async def refusal_of(req: Request, id: str) -> Text | str | None:
    """Return why the visitor may not change a person's account; ``None`` where they may."""
    by = actor_of(req)
    if not by.has_permission(accounts.WRITE_USERS):
        return Text("You may see the team, and not change it.")
    try:
        await req.site.db.read(accounts.check_may_manage, req.site, by, id)
    except Forbidden as refused:
        return refused.detail
    return None


async def manage(req: Request, rule: Callable[..., Any], id: str, *more: Any) -> Any:
    """Run a rule about a person for the visitor, in a transaction of its own."""
    by, roles = actor_of(req), accounts.roles_of(req.site)
    return await req.site.db.write(lambda tx: rule(tx, roles, by, id, *more))
