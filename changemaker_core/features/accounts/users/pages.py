"""The page of a user's own details."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import Meta

from changemaker_core import (
    Form,
    Invalid,
    PersonName,
    Redirect,
    SingleLine,
    TemplateResponse,
    Text,
    endpoint,
    flash,
)
from changemaker_core.features.accounts.own import session_of
from changemaker_core.features.accounts.roles.roles import roles_of
from changemaker_core.features.accounts.users import services
from changemaker_core.features.accounts.users.queries import team_user

if TYPE_CHECKING:
    from changemaker_core import Actor, Request, Response, Site, Tx

PROFILE_PATH: Final = "/account"


class ProfileForm(msgspec.Struct, frozen=True, kw_only=True):
    """What users change of themselves. ``locale`` is the language of the mails to them."""

    name: Annotated[PersonName, Meta(min_length=1, max_length=services.LONGEST_NAME)]
    phone: Annotated[SingleLine, Meta(max_length=32)] = ""
    locale: Annotated[str, Meta(max_length=8)]


class ProfilePage:
    """``/account``"""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._roles = roles_of(site)

    @endpoint(permission="accounts.me.read")
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """Show the user's own details."""
        _, user = session_of(req)
        return await self._page(user, None)

    @endpoint(permission="accounts.me.write", form=ProfileForm)
    async def on_post(
        self, req: Request, resp: Response, *, form: Form[ProfileForm]
    ) -> TemplateResponse | Redirect:
        """Change the user's own details."""
        _, user = session_of(req)
        if form.value is None:
            return await self._page(user, form)
        values = msgspec.structs.asdict(form.value)

        def change(tx: Tx) -> None:
            services.change_own_details(tx, user.id, values, self._site.translations.locales)
            flash(tx, req, Text("Your details are saved."))

        try:
            await self._site.db.write(change)
        except Invalid as invalid:
            for error in invalid.errors:
                form.reject(error.field, error.message)
            return await self._page(user, form)
        return Redirect(PROFILE_PATH)

    async def _page(self, user: Actor, form: Form[ProfileForm] | None) -> TemplateResponse:
        account = await self._site.db.get(team_user(user.id))
        role = self._roles.declared.get(account.role)
        context = {
            "form": form,
            "account": account,
            "language_names": self._site.translations.language_names(),
            "role": role.description if role else account.role,
        }
        return TemplateResponse("accounts/profile.html", context)
