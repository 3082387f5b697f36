"""The pages to sign in and out, and to change a password."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from changemaker_core import (
    Form,
    LimitReached,
    Redirect,
    TemplateResponse,
    Text,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    endpoint,
)
from changemaker_core.features.accounts import api
from changemaker_core.features.accounts.browser.schemas import (
    NoFields,
    PasswordForm,
    SignInForm,
    SignInQuery,
)
from changemaker_core.features.accounts.config import AccountsConfig
from changemaker_core.features.accounts.own import session_of

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Site

_NO_QUERY = SignInQuery()
_TOO_MANY = Text("Too many attempts. Wait a moment, then try again.")


class SignInPage:
    """``/sign-in``"""

    @endpoint(public=True, query=SignInQuery)
    async def on_get(
        self, req: Request, resp: Response, *, query: SignInQuery
    ) -> TemplateResponse | Redirect:
        """Show the form; a visitor who is signed in goes on to where they wanted to be."""
        if req.session is not None and req.actor is not None:
            return Redirect(api.page_after_sign_in(req.site, req.actor, query.next))
        return _form(req.site, Form.blank(next=query.next), query=query)

    @endpoint(public=True, form=SignInForm)
    async def on_post(
        self, req: Request, resp: Response, *, form: Form[SignInForm]
    ) -> TemplateResponse | Redirect:
        """Sign in with an email address and a password."""
        if form.value is None:
            return _form(req.site, form, status=422)
        sent = form.value
        try:
            return await api.sign_in(req, sent.email, sent.password, return_to=sent.next)
        except Unauthorized as error:
            form.reject("", error.detail or error.title)
            return _form(req.site, form, status=422)
        except LimitReached as error:
            form.reject("", _TOO_MANY)
            return _form(req.site, form, status=429, headers=TooManyRequests.of(error).headers)
        except Unavailable as error:
            form.reject("", error.detail or error.title)
            return _form(req.site, form, status=503, headers=error.headers)


def _form(
    site: Site,
    form: Form[SignInForm],
    *,
    status: int = 200,
    query: SignInQuery = _NO_QUERY,
    headers: tuple[tuple[str, str], ...] = (),
) -> TemplateResponse:
    config = site.config_of(AccountsConfig)
    signed = form.data.get("next", "")
    context = {
        "form": form,
        "query": query,
        "registration": config.registration == "open",
        "magic_links": config.magic_links,
        "next": f"?{urlencode({'next': signed})}" if signed else "",
    }
    return TemplateResponse("accounts/sign_in.html", context, status, headers)


class SignOutPage:
    """``/sign-out``"""

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """Ask for confirmation: following a link never signs anybody out."""
        return TemplateResponse("accounts/sign_out.html")

    @endpoint(public=True, form=NoFields)
    async def on_post(self, req: Request, resp: Response, *, form: Form[NoFields]) -> Redirect:
        """Sign out."""
        return await api.sign_out(req)


class PasswordPage:
    """``/account/password``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(permission="accounts.me.read")
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """Show the form."""
        session_of(req)
        return TemplateResponse("accounts/password.html", {"form": None})

    @endpoint(permission="accounts.me.write", form=PasswordForm)
    async def on_post(
        self, req: Request, resp: Response, *, form: Form[PasswordForm]
    ) -> TemplateResponse | Redirect:
        """Replace the password, which ends every session, and open a new one in this browser."""
        _, user = session_of(req)
        if form.value is not None:
            try:
                redirect = await api.change_password(
                    req, user.id, current=form.value.current, new=form.value.new
                )
            except Unauthorized:
                form.reject("current", Text("This is not your password."))
            except api.PasswordRefused as refused:
                form.reject("new", refused.args[0])
            except LimitReached as error:
                form.reject("current", _TOO_MANY)
                return _password(form, 429, TooManyRequests.of(error).headers)
            except Unavailable as error:
                form.reject("", error.detail or error.title)
                return _password(form, 503, error.headers)
            else:
                return redirect
        return _password(form)


def _password(
    form: Form[PasswordForm], status: int = 422, headers: tuple[tuple[str, str], ...] = ()
) -> TemplateResponse:
    return TemplateResponse("accounts/password.html", {"form": form}, status, headers)
