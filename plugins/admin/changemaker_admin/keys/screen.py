"""The list of ``/admin/api-keys``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from changemaker_admin.api import BulkAction, Column, Empty, ListScreen, Search
from changemaker_admin.keys.pages import KEYS_PATH
from changemaker_admin.team.people import acting
from changemaker_core import Text
from changemaker_core.features.accounts import api as accounts

if TYPE_CHECKING:
    from changemaker_core import Request, Site, Tx


def keys_screen(site: Site) -> ListScreen:
    """Return the list of the API keys of all users."""
    roles = accounts.roles_of(site)

    def revoke(tx: Tx, id: str) -> None:
        accounts.management.revoke_key(tx, roles, acting(tx, roles), id)

    return ListScreen(
        path=KEYS_PATH,
        title=Text("API keys"),
        permission=accounts.READ_USERS,
        group="team",
        icon="key",
        order=530,
        query=accounts.all_keys,
        columns=[
            Column("name", Text("Name"), link=f"{KEYS_PATH}/{{id}}"),
            Column("owner", Text("Owner"), value=_owner),
            Column("permissions", Text("What it may do"), value=_permissions),
            Column("created_at", Text("Created"), "date"),
            Column("last_used_at", Text("Last used"), "datetime"),
            Column("expires_at", Text("Valid until"), "date"),
        ],
        filters=[Search(Text("Search"), hint=Text("Name of the key or of its owner"))],
        actions=[
            BulkAction(
                name="revoke",
                label=Text("Revoke"),
                permission=accounts.WRITE_USERS,
                text=Text(
                    "Programs that use these keys are refused from then on. This cannot be undone."
                ),
                run=revoke,
            ),
        ],
        export="keys",
        empty=Empty(
            Text("Nobody has an API key"),
            Text("People make keys for programs under “API keys” in their own menu."),
        ),
        macros="admin/keys/cells.html",
        context=_context,
    )


def _owner(key: accounts.OwnedKey) -> str:
    return key.owner or key.email


def _permissions(key: accounts.OwnedKey) -> str:
    return ", ".join(key.permissions)


async def _context(req: Request) -> dict[str, Any]:
    return {"now": req.site.clock()}
