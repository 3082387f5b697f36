"""The pages to sign in and out, and a user's own list of sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import (
    Form,
    LimitReached,
    NotFound,
    Redirect,
    TemplateResponse,
    Text,
    Unauthorized,
    Unavailable,
    endpoint,
    flash,
)
from changemaker_core.features.accounts import api
from changemaker_core.features.accounts.browser import services
from changemaker_core.features.accounts.browser.devices import describe
from changemaker_core.features.accounts.browser.queries import sessions_of_user
from changemaker_core.features.accounts.browser.schemas import (
    NoFields,
    PasswordForm,
    SignInForm,
    SignInQuery,
)
from changemaker_core.features.accounts.browser.sessions import SESSIONS_PATH

if TYPE_CHECKING:
    from changemaker_core import Actor, Request, Response, Site, Tx
    from changemaker_core.features.accounts.browser.sessions import BrowserSessions
    from changemaker_core.http.sessions import Session

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
        return _form(Form.blank(next=query.next), signed_out=query.signed_out)

    @endpoint(public=True, form=SignInForm)
    async def on_post(
        self, req: Request, resp: Response, *, form: Form[SignInForm]
    ) -> TemplateResponse | Redirect:
        """Sign in with an email address and a password."""
        if form.value is None:
            return _form(form, status=422)
        sent = form.value
        try:
            return await api.sign_in(req, sent.email, sent.password, return_to=sent.next)
        except Unauthorized as error:
            form.reject("", error.detail or error.title)
            return _form(form, status=422)
        except LimitReached as error:
            form.reject("", _TOO_MANY)
            return _form(form, status=429, headers=_retry_after(error))
        except Unavailable as error:
            form.reject("", error.detail or error.title)
            return _form(form, status=503, headers=error.headers)


def _retry_after(reached: LimitReached) -> tuple[tuple[str, str], ...]:
    return (("Retry-After", str(max(1, round(reached.retry_after.total_seconds())))),)


def _form(
    form: Form[SignInForm],
    *,
    status: int = 200,
    signed_out: bool = False,
    headers: tuple[tuple[str, str], ...] = (),
) -> TemplateResponse:
    context = {"form": form, "signed_out": signed_out}
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
        _own(req)
        return TemplateResponse("accounts/password.html", {"form": None})

    @endpoint(permission="accounts.me.read", form=PasswordForm)
    async def on_post(
        self, req: Request, resp: Response, *, form: Form[PasswordForm]
    ) -> TemplateResponse | Redirect:
        """Replace the password, which ends every session, and open a new one in this browser."""
        _, user = _own(req)
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
                return _password(form, 429, _retry_after(error))
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


class SessionsPage:
    """``/account/sessions``"""

    def __init__(self, site: Site, sessions: BrowserSessions) -> None:
        self._site = site
        self._sessions = sessions

    @endpoint(permission="accounts.me.read")
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """Where the user is signed in."""
        session, user = _own(req)
        now = self._site.clock()
        listed = await self._site.db.all(
            sessions_of_user(user.id, self._sessions.idle_since(now), now)
        )
        context = {
            "sessions": [
                {"row": row, "device": describe(row.user_agent), "current": row.id == session.id}
                for row in listed
            ],
        }
        return TemplateResponse("accounts/sessions.html", context)


class EndSessionPage:
    """``/account/sessions/{id}/end``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(permission="accounts.me.read", form=NoFields)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[NoFields]
    ) -> Redirect:
        """End one of the user's own sessions."""
        session, user = _own(req)
        if id == session.id:
            return await api.sign_out(req)

        def end(tx: Tx) -> bool:
            ended = services.end_session(tx, id, user.id)
            if ended:
                flash(tx, req, Text("That device is signed out."))
            return ended

        if not await self._site.db.write(end):
            raise NotFound(Text("This session has ended already."))
        return Redirect(SESSIONS_PATH)


class EndOtherSessionsPage:
    """``/account/sessions/end-others``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(permission="accounts.me.read")
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """Ask for confirmation, where the browser shows no dialog."""
        _own(req)
        return TemplateResponse("accounts/end_others.html")

    @endpoint(permission="accounts.me.read", form=NoFields)
    async def on_post(self, req: Request, resp: Response, *, form: Form[NoFields]) -> Redirect:
        """End all of the user's sessions except this one."""
        session, user = _own(req)

        def end(tx: Tx) -> None:
            services.end_other_sessions(tx, user.id, kept=session.id)
            flash(tx, req, Text("All other devices are signed out."))

        await self._site.db.write(end)
        return Redirect(SESSIONS_PATH)


def _own(req: Request) -> tuple[Session, Actor]:
    """Return the request's session and user; these pages are for people, not for API clients."""
    if req.session is None or req.actor is None:
        raise Unauthorized(Text("Sign in with your browser to see this page."))
    return req.session, req.actor
