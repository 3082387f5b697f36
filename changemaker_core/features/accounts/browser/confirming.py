"""The page on which a person confirms their password, and the same within a form they have sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import msgspec

from changemaker_core import (
    Form,
    LimitReached,
    Password,
    Redirect,
    SignInConfirmation,
    TemplateResponse,
    Text,
    Unauthorized,
    Unavailable,
    endpoint,
)
from changemaker_core.features.accounts import api
from changemaker_core.features.accounts.own import session_of
from changemaker_core.features.accounts.signing_in.confirming import confirm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from changemaker_core import Request, Response, Site

CONFIRM_PATH: Final = "/account/confirm"


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What proves who a person is. The names are those of no other form."""

    confirm_password: Password = ""


class ConfirmForm(Proof, frozen=True, kw_only=True):
    """The proof, and the signed address of the page to return to."""

    next: str = ""


class ConfirmQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The signed address of the page to return to."""

    next: str = ""


def confirmation_of(site: Site) -> SignInConfirmation:
    """Return how people confirm on ``site`` who they are."""

    def page(path: str) -> str:
        return f"{CONFIRM_PATH}?{urlencode({'next': api.signed_path(site, path)})}"

    return SignInConfirmation(page, Proof, _check)


class ConfirmPage:
    """``/account/confirm``"""

    @endpoint(permission="accounts.me.read", query=ConfirmQuery)
    async def on_get(
        self, req: Request, resp: Response, *, query: ConfirmQuery
    ) -> TemplateResponse:
        """Ask for the password."""
        session_of(req)
        return _page(CONFIRM_PATH, Form.blank(), {"next": query.next}, 200)

    @endpoint(permission="accounts.me.read", form=ConfirmForm)
    async def on_post(
        self, req: Request, resp: Response, *, form: Form[ConfirmForm]
    ) -> TemplateResponse | Redirect:
        """Go on to the page that the person came from."""
        _, user = session_of(req)
        next = str(form.data.get("next", ""))
        asked = await _check(req, form, {"next": next})
        return asked or Redirect(api.page_after_sign_in(req.site, user, next))


async def _check(
    req: Request, form: Form[Any], typed: Mapping[str, str | list[str]]
) -> TemplateResponse | None:
    """Return ``None`` where ``form`` has the password, and otherwise the page that asks for it."""
    action = f"{req.path}?{req.query_string}" if req.query_string else req.path
    if form.value is None or not form.value.confirm_password:
        return _page(action, form, typed, 403)
    try:
        await confirm(req, form.value.confirm_password)
    except Unauthorized:
        form.reject("confirm_password", Text("This is not your password."))
        return _page(action, form, typed, 422)
    except LimitReached as error:
        form.reject("", Text("Too many attempts. Wait a moment, then try again."))
        wait = max(1, round(error.retry_after.total_seconds()))
        return _page(action, form, typed, 429, ("Retry-After", str(wait)))
    except Unavailable as error:
        form.reject("", error.detail or error.title)
        return _page(action, form, typed, 503, *error.headers)
    return None


def _page(
    action: str,
    form: Form[Any],
    typed: Mapping[str, str | list[str]],
    status: int,
    *headers: tuple[str, str],
) -> TemplateResponse:
    fields = [
        (name, each)
        for name, value in typed.items()
        for each in (value if isinstance(value, list) else [value])
    ]
    context = {"form": form, "typed": fields, "action": action}
    return TemplateResponse("accounts/confirm.html", context, status, headers)
