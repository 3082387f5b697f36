"""``/admin/api-keys``: the keys of all users, for those who manage people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from changemaker_admin.team.managing import NoFields, actor_of, refusal_of
from changemaker_core import (
    Form,
    NotFound,
    Problem,
    Redirect,
    TemplateResponse,
    Text,
    endpoint,
    flash,
)
from changemaker_core.features.accounts import api as accounts

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Site, Tx

KEYS_PATH: Final = "/admin/api-keys"


class KeyPage:
    """``/admin/api-keys/{id}``"""

    @endpoint(permission=accounts.READ_USERS)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> TemplateResponse:
        """A key: whose it is, what it may do, and what happens when it is revoked."""
        key = await _find(req.site, id)
        return self._page(req, key, await refusal_of(req, key.user_id), 200)

    @endpoint(permission=accounts.WRITE_USERS, form=NoFields)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[NoFields]
    ) -> TemplateResponse | Redirect:
        """Revoke it."""
        by, roles = actor_of(req), accounts.roles_of(req.site)
        key = await _find(req.site, id)

        def revoke(tx: Tx) -> None:
            accounts.management.revoke_key(tx, roles, by, id)
            flash(tx, req, Text("The key is revoked. Programs that use it are refused now."))

        try:
            await req.site.db.write(revoke)
        except NotFound:
            raise
        except Problem as refused:
            return self._page(req, key, refused.detail or refused.title, refused.status)
        return Redirect(KEYS_PATH)

    def _page(
        self, req: Request, key: accounts.OwnedKey, refusal: str | None, status: int
    ) -> TemplateResponse:
        known = accounts.roles_of(req.site).permissions
        context: dict[str, Any] = {
            "key": key,
            "owner": key.owner or key.email,
            "refusal": refusal,
            "permissions": [
                known[name].description if name in known else name for name in key.permissions
            ],
        }
        return TemplateResponse("admin/keys/key.html", context, status=status)


async def _find(site: Site, id: str) -> accounts.OwnedKey:
    key = await site.db.one(accounts.owned_key(id=id))
    if key is None:
        raise NotFound(Text("This key has been revoked already."))
    return key
