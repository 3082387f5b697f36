"""The pages of a user's own sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import Form, NotFound, Redirect, TemplateResponse, Text, endpoint, flash
from changemaker_core.features.accounts import api
from changemaker_core.features.accounts.browser.schemas import NoFields
from changemaker_core.features.accounts.browser.sessions import SESSIONS_PATH
from changemaker_core.features.accounts.own import session_of
from changemaker_core.features.accounts.sessions import services
from changemaker_core.features.accounts.sessions.devices import describe
from changemaker_core.features.accounts.sessions.queries import sessions_of_user

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Site, Tx
    from changemaker_core.features.accounts.browser.sessions import BrowserSessions


class SessionsPage:
    """``/account/sessions``"""

    def __init__(self, site: Site, sessions: BrowserSessions) -> None:
        self._site = site
        self._sessions = sessions

    @endpoint(permission="accounts.me.read")
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """Where the user is signed in."""
        session, user = session_of(req)
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

    @endpoint(permission="accounts.me.write", form=NoFields)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[NoFields]
    ) -> Redirect:
        """End one of the user's own sessions."""
        session, user = session_of(req)
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
        session_of(req)
        return TemplateResponse("accounts/end_others.html")

    @endpoint(permission="accounts.me.write", form=NoFields)
    async def on_post(self, req: Request, resp: Response, *, form: Form[NoFields]) -> Redirect:
        """End all of the user's sessions except this one."""
        session, user = session_of(req)

        def end(tx: Tx) -> None:
            services.sign_out_everywhere(tx, user.id, but=session.id)
            flash(tx, req, Text("All other devices are signed out."))

        await self._site.db.write(end)
        return Redirect(SESSIONS_PATH)
