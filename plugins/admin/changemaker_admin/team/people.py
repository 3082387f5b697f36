"""``/admin/team``: everybody who can sign in, or was invited to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from changemaker_admin.api import Badge, BulkAction, Choice, Column, Empty, Link, ListScreen, Search
from changemaker_admin.team.managing import TEAM_PATH, name_of
from changemaker_core import Forbidden, Text
from changemaker_core.features.accounts import api as accounts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from changemaker_core import Actor, Request, Site, Tx

BADGES: Final = {
    "ACTIVE": Badge(Text("Active"), "ok"),
    "INVITED": Badge(Text("Invited"), "neutral"),
    "SUSPENDED": Badge(Text("Suspended"), "danger"),
    "EXPIRED": Badge(Text("Ended"), "warn"),
}


def people_screen(site: Site) -> ListScreen:
    """Return the list of the team."""
    roles = accounts.roles_of(site)

    def suspend(tx: Tx, id: str) -> None:
        accounts.management.suspend(tx, roles, acting(tx, roles), id)

    def reactivate(tx: Tx, id: str) -> None:
        accounts.management.reactivate(tx, roles, acting(tx, roles), id)

    return ListScreen(
        path=TEAM_PATH,
        title=Text("Team"),
        permission=accounts.READ_USERS,
        group="team",
        icon="people",
        order=510,
        query=accounts.team_members,
        columns=[
            Column("name", Text("Name"), link=f"{TEAM_PATH}/{{id}}", value=name_of),
            Column("email", Text("Email address"), shown=False),
            Column("role", Text("Role")),
            Column("status", Text("State"), "status", badges=BADGES),
            Column("has_two_factor", Text("Two-factor sign-in")),
            Column("last_login_at", Text("Last sign-in"), "datetime"),
            Column("created_at", Text("Account since"), "date", shown=False),
        ],
        filters=[
            Search(Text("Search"), hint=Text("Name or email address")),
            Choice("role", Text("Role"), role_names),
            Choice("status", Text("State"), {name: each.text for name, each in BADGES.items()}),
        ],
        actions=[
            BulkAction(
                name="suspend",
                label=Text("Suspend"),
                permission=accounts.WRITE_USERS,
                text=Text(
                    "These people are signed out everywhere, and cannot sign in until someone "
                    "reactivates their account. Nothing is deleted."
                ),
                run=suspend,
                undo=reactivate,
            ),
        ],
        links=[Link(Text("Invite a person"), f"{TEAM_PATH}/invite", accounts.WRITE_USERS)],
        export="users",
        empty=Empty(Text("Nobody yet"), Text("Invite a colleague: they choose their password.")),
        macros="admin/team/cells.html",
        template="admin/team/people.html",
        context=_context,
        enrich=_as_of_now,
    )


def acting(tx: Tx, roles: accounts.Roles) -> Actor:
    """Return the person who began a bulk action, with all that they may do now.

    Its job acts with one permission, and who may manage whom depends on all of them. Raise
    ``Forbidden`` for the site itself, which may do what nobody here may, and for somebody whose
    account was closed since.
    """
    user_id = None if tx.actor is None else tx.actor.user_id
    rights = None if user_id is None else accounts.rights_of(roles, user_id)
    if rights is None or not rights.is_open(tx.now):
        raise Forbidden(Text("Only a person who can sign in can do this."))
    return rights.actor()


async def role_names(req: Request) -> Mapping[str, str]:
    """Return the names of all roles."""
    roles, made = accounts.roles_of(req.site), await req.site.db.all(accounts.stored_roles())
    return {role.name: role.name for role in accounts.all_roles(roles, made)}


async def _as_of_now(site: Site, rows: list[Any]) -> list[Any]:
    """Return the rows with the state that each account has now, stored or not yet."""
    now = site.clock()
    return [accounts.shown(row, now) for row in rows]


async def _context(req: Request) -> dict[str, object]:
    return {"registration": accounts.is_registration_open(req.site)}
