"""The page on which a person confirms their password, and the same within a form they have sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlencode

import msgspec
from msgspec import Meta

from changemaker_core import (
    Form,
    LimitReached,
    Password,
    Redirect,
    SignInConfirmation,
    TemplateResponse,
    Text,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    endpoint,
)
from changemaker_core.features.accounts import api
from changemaker_core.features.accounts.own import session_of, user_of
from changemaker_core.features.accounts.signing_in.confirming import confirm
from changemaker_core.features.accounts.twofactor.queries import two_factor_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from changemaker_core import Request, Response, Site

CONFIRM_PATH: Final = "/account/confirm"


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What proves who a person is. The names are those of no other form."""

    confirm_password: Password = ""
    confirm_code: Annotated[str, Meta(max_length=40)] = ""


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
        return await _page(req, CONFIRM_PATH, Form.blank(), {"next": query.next}, 200)

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
        return await _page(req, action, form, typed, 403)
    try:
        await confirm(req, form.value.confirm_password, form.value.confirm_code)
    except Unauthorized as error:
        if error.code == "wrong_code":
            form.reject("confirm_code", error.detail or error.title)
        else:
            form.reject("confirm_password", Text("This is not your password."))
        return await _page(req, action, form, typed, 422)
    except LimitReached as error:
        form.reject("", Text("Too many attempts. Wait a moment, then try again."))
        return await _page(req, action, form, typed, 429, *TooManyRequests.of(error).headers)
    except Unavailable as error:
        form.reject("", error.detail or error.title)
        return await _page(req, action, form, typed, 503, *error.headers)
    return None


async def _page(
    req: Request,
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
    form.data.pop("confirm_code", None)  # it is of no use a second time
    needs_code = await req.site.db.one(two_factor_of(user_of(req).id)) is not None
    context = {"form": form, "typed": fields, "action": action, "needs_code": needs_code}
    return TemplateResponse("accounts/confirm.html", context, status, headers)
