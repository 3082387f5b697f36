"""The page of a user's own API keys."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from changemaker_core import Form, NotFound, Redirect, TemplateResponse, Text, endpoint, flash
from changemaker_core.features.accounts.keys import services
from changemaker_core.features.accounts.keys.queries import keys_of_user
from changemaker_core.features.accounts.keys.resources import permissions_of
from changemaker_core.features.accounts.keys.schemas import KeyForm, Lifetime, RevokeForm
from changemaker_core.features.accounts.own import session_of

if TYPE_CHECKING:
    from changemaker_core import Actor, Request, Response, Site, Tx

KEYS_PATH: Final = "/account/api-keys"
LIFETIMES: Final = {
    Lifetime.MONTH: Text("30 days"),
    Lifetime.QUARTER: Text("90 days"),
    Lifetime.YEAR: Text("One year"),
    Lifetime.FOREVER: Text("No end"),
}


class KeysPage:
    """``/account/api-keys``"""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._permissions = permissions_of(site)

    @endpoint(permission="accounts.me.read")
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """Show the keys, and the form for another one."""
        _, owner = session_of(req)
        return await self._page(owner, Form.blank(days=Lifetime.QUARTER.value))

    @endpoint(permission="accounts.me.write", recent_sign_in=True, form=KeyForm)
    async def on_post(
        self, req: Request, resp: Response, *, form: Form[KeyForm]
    ) -> TemplateResponse:
        """Create a key, and show it this once."""
        _, owner = session_of(req)
        if form.value is None:
            return await self._page(owner, form)
        days = int(form.value.days.value)
        try:
            new = await self._site.db.write(
                services.create_key,
                owner,
                name=form.value.name,
                permissions=form.value.permissions,
                known=self._permissions,
                expires_at=self._site.clock() + timedelta(days=days) if days else None,
            )
        except services.TooManyKeys as error:
            form.reject("", error.args[0])
        except services.PermissionsRefused as error:
            form.reject("permissions", error.args[0])
        else:
            return TemplateResponse("accounts/key_created.html", {"new": new})
        return await self._page(owner, form)

    async def _page(self, owner: Actor, form: Form[KeyForm]) -> TemplateResponse:
        context = {
            "form": form,
            "keys": await self._site.db.all(keys_of_user(owner.id)),
            "now": self._site.clock(),
            "permissions": {
                name: description
                for name, description in sorted(self._permissions.items())
                if services.can_be_held(owner, name)
            },
            "lifetimes": {each.value: text for each, text in LIFETIMES.items()},
        }
        return TemplateResponse("accounts/keys.html", context)


class RevokeKeyPage:
    """``/account/api-keys/{id}/revoke``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(permission="accounts.me.write", form=RevokeForm)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[RevokeForm]
    ) -> Redirect:
        """Revoke one of the user's own keys."""
        _, owner = session_of(req)

        def revoke(tx: Tx) -> bool:
            revoked = services.revoke_key(tx, id, owner.id)
            if revoked:
                flash(tx, req, Text("The key is revoked. Programs that use it are refused now."))
            return revoked

        if not await self._site.db.write(revoke):
            raise NotFound(Text("This key has been revoked already."))
        return Redirect(KEYS_PATH)
