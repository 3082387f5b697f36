"""The pages of joining: they ask for a link, and do what a link is for.

Opening a link shows a form or a button and changes nothing. Pages whose address holds a token tell
it to nobody: their Referer is the site's address alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from changemaker_core import (
    Conflict,
    Form,
    Invalid,
    LimitReached,
    Redirect,
    TemplateResponse,
    Text,
    TooManyRequests,
    Unavailable,
    endpoint,
)
from changemaker_core.features.accounts import api
from changemaker_core.features.accounts.joining import links, requests
from changemaker_core.features.accounts.joining.links import LinkEnded
from changemaker_core.features.accounts.joining.purposes import EMAIL, RESET, SIGN_IN
from changemaker_core.features.accounts.joining.schemas import (
    AskForm,
    AskQuery,
    ButtonForm,
    EmailForm,
    JoinForm,
    NewPasswordForm,
)
from changemaker_core.features.accounts.own import session_of
from changemaker_core.features.accounts.users.queries import account_by_id
from changemaker_core.features.accounts.users.services import PasswordRefused

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Site
    from changemaker_core.features.accounts.users.queries import Account

_Page = TemplateResponse | Redirect
_Headers = tuple[tuple[str, str], ...]

_TOO_MANY: Final = Text("Too many attempts. Wait a moment, then try again.")
_QUIET: Final = (("Referrer-Policy", "strict-origin"),)


class _AskPage:
    """A form for an email address, to which a link is sent."""

    path: str
    template: str

    def check(self, site: Site) -> None:
        """Raise ``Forbidden`` where the site does not have this page."""

    async def ask(self, req: Request, form: AskForm) -> None:
        """Have the link sent."""
        raise NotImplementedError

    @endpoint(public=True, query=AskQuery)
    async def on_get(self, req: Request, resp: Response, *, query: AskQuery) -> TemplateResponse:
        """Show the form or, once it was sent, what to do next."""
        self.check(req.site)
        return self._page(Form.blank(next=query.next), sent=query.sent)

    @endpoint(public=True, form=AskForm)
    async def on_post(self, req: Request, resp: Response, *, form: Form[AskForm]) -> _Page:
        """Have a link sent, if the account allows it: nothing tells whether it does."""
        self.check(req.site)
        if form.value is None:
            return self._page(form, 422)
        try:
            await self.ask(req, form.value)
        except Invalid as invalid:
            _show_errors(form, invalid)
            return self._page(form, 422)
        except LimitReached as reached:
            form.reject("", _TOO_MANY)
            return self._page(form, 429, TooManyRequests.of(reached).headers)
        return Redirect(_with_query(self.path, sent="true", next=form.value.next))

    def _page(
        self,
        form: Form[AskForm],
        status: int = 200,
        headers: _Headers = (),
        *,
        sent: bool = False,
    ) -> TemplateResponse:
        again = _with_query(self.path, next=str(form.data.get("next", "")))
        context = {"form": form, "sent": sent, "path": self.path, "again": again}
        return TemplateResponse(self.template, context, status, headers)


class RegisterPage(_AskPage):
    """``/register``"""

    path, template = "/register", "accounts/register.html"

    def check(self, site: Site) -> None:
        requests.check_registration(site)

    async def ask(self, req: Request, form: AskForm) -> None:
        await requests.ask_to_register(req, form.email, form.next)


class ForgotPasswordPage(_AskPage):
    """``/forgot-password``"""

    path, template = "/forgot-password", "accounts/forgot_password.html"

    async def ask(self, req: Request, form: AskForm) -> None:
        await requests.ask(req, RESET, form.email, form.next)


class MagicLinkPage(_AskPage):
    """``/sign-in-link``"""

    path, template = SIGN_IN.path, "accounts/magic_link.html"

    def check(self, site: Site) -> None:
        requests.check_magic_links(site)

    async def ask(self, req: Request, form: AskForm) -> None:
        await requests.ask(req, SIGN_IN, form.email, form.next)


class JoinPage:
    """``/join/{token}``"""

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response, *, token: str) -> TemplateResponse:
        """Show the form of a registration or invitation."""
        try:
            link = await requests.joining_link(req.site, token)
        except LinkEnded as ended:
            return _ended(ended)
        account = await _account(req.site, link.user_id)
        name = account.name if account is not None else ""
        return _quiet("accounts/join.html", form=Form.blank(name=name), token=token, link=link)

    @endpoint(public=True, form=JoinForm)
    async def on_post(
        self, req: Request, resp: Response, *, token: str, form: Form[JoinForm]
    ) -> _Page:
        """Create or open the account, and sign in."""
        status: int = 422
        headers: _Headers = ()
        try:
            link = await requests.joining_link(req.site, token)
            if form.value is not None:
                id = await requests.join(req, link, form.value.name, form.value.password)
                account = await _account(req.site, id)
                if account is None:
                    return Redirect(api.SIGN_IN)
                return await api.sign_in_account(req, account, link.return_to)
        except LinkEnded as ended:
            return _ended(ended)
        except (PasswordRefused, LimitReached, Unavailable) as error:
            status, headers = _reject(form, error)
        return _quiet("accounts/join.html", status, headers, form=form, token=token, link=link)


class ResetPasswordPage:
    """``/reset-password/{token}``"""

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response, *, token: str) -> TemplateResponse:
        """Show the form."""
        try:
            await links.read(req.site, token, RESET)
        except LinkEnded as ended:
            return _ended(ended)
        return _quiet("accounts/reset_password.html", form=Form.blank(), token=token)

    @endpoint(public=True, form=NewPasswordForm)
    async def on_post(
        self, req: Request, resp: Response, *, token: str, form: Form[NewPasswordForm]
    ) -> _Page:
        """Replace the password; the user signs in with it then, and with their second factor."""
        status: int = 422
        headers: _Headers = ()
        if form.value is not None:
            try:
                await requests.reset(req, token, form.value.password)
            except LinkEnded as ended:
                return _ended(ended)
            except (PasswordRefused, LimitReached, Unavailable) as error:
                status, headers = _reject(form, error)
            else:
                return Redirect(f"{api.SIGN_IN}?password_changed=true")
        return _quiet("accounts/reset_password.html", status, headers, form=form, token=token)


class MagicLinkSignInPage:
    """``/sign-in-link/{token}``"""

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response, *, token: str) -> TemplateResponse:
        """Show the button: a program that opens the links of a mail uses none up."""
        requests.check_magic_links(req.site)
        try:
            link = await links.read(req.site, token, SIGN_IN)
        except LinkEnded as ended:
            return _ended(ended)
        return _quiet("accounts/magic_link_sign_in.html", token=token, link=link)

    @endpoint(public=True, form=ButtonForm)
    async def on_post(
        self, req: Request, resp: Response, *, token: str, form: Form[ButtonForm]
    ) -> _Page:
        """Sign in."""
        try:
            account, return_to = await requests.use_magic_link(req, token)
        except LinkEnded as ended:
            return _ended(ended)
        return await api.sign_in_account(req, account, return_to)


class EmailPage:
    """``/account/email``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(permission="accounts.me.read", query=AskQuery)
    async def on_get(self, req: Request, resp: Response, *, query: AskQuery) -> TemplateResponse:
        """Show the present address, and the form for a new one."""
        return await self._page(req, None, sent=query.sent)

    @endpoint(permission="accounts.me.write", form=EmailForm, recent_sign_in=True)
    async def on_post(self, req: Request, resp: Response, *, form: Form[EmailForm]) -> _Page:
        """Have a link sent to the new address; the present one stays until it is used."""
        if form.value is None:
            return await self._page(req, form, status=422)
        try:
            await requests.change_email(req, form.value.email)
        except Invalid as invalid:
            _show_errors(form, invalid)
            return await self._page(req, form, status=422)
        except LimitReached as reached:
            form.reject("email", _TOO_MANY)
            headers = TooManyRequests.of(reached).headers
            return await self._page(req, form, status=429, headers=headers)
        return Redirect("/account/email?sent=true")

    async def _page(
        self,
        req: Request,
        form: Form[EmailForm] | None,
        *,
        sent: bool = False,
        status: int = 200,
        headers: _Headers = (),
    ) -> TemplateResponse:
        _, user = session_of(req)
        account = await self._site.db.get(account_by_id(user.id))
        context = {"form": form, "account": account, "sent": sent}
        return TemplateResponse("accounts/email.html", context, status, headers)


class VerifyEmailPage:
    """``/verify-email/{token}``"""

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response, *, token: str) -> TemplateResponse:
        """Show the button."""
        try:
            link = await links.read(req.site, token, EMAIL)
        except LinkEnded as ended:
            return _ended(ended)
        return _quiet("accounts/verify_email.html", token=token, link=link, problem=None)

    @endpoint(public=True, form=ButtonForm)
    async def on_post(
        self, req: Request, resp: Response, *, token: str, form: Form[ButtonForm]
    ) -> _Page:
        """Confirm the address."""
        try:
            await requests.verify_email(req, token)
        except LinkEnded as ended:
            return _ended(ended)
        except Conflict as conflict:
            problem = conflict.detail
            return _quiet(
                "accounts/verify_email.html", 409, token=token, link=None, problem=problem
            )
        return _quiet("accounts/email_verified.html")


def _ended(ended: LinkEnded) -> TemplateResponse:
    return _quiet("accounts/link_ended.html", ended.status, purpose=ended.purpose)


def _quiet(
    template: str, status: int = 200, headers: _Headers = (), **context: Any
) -> TemplateResponse:
    return TemplateResponse(template, context, status, (*_QUIET, *headers))


def _reject(
    form: Form[Any], error: PasswordRefused | LimitReached | Unavailable
) -> tuple[int, _Headers]:
    """Show an error in a form; return the status and headers of the page."""
    if isinstance(error, PasswordRefused):
        form.reject("password", error.args[0])
        return 422, ()
    if isinstance(error, LimitReached):
        form.reject("", _TOO_MANY)
        return 429, TooManyRequests.of(error).headers
    form.reject("", error.detail or error.title)
    return 503, error.headers


def _show_errors(form: Form[Any], invalid: Invalid) -> None:
    for error in invalid.errors:
        form.reject(error.field, error.message)


def _with_query(path: str, **query: str) -> str:
    given = urlencode({name: value for name, value in query.items() if value})
    return f"{path}?{given}" if given else path


async def _account(site: Site, user_id: str | None) -> Account | None:
    if user_id is None:
        return None
    return await site.db.one(account_by_id(user_id))
