"""A user's own sessions over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from changemaker_core import ListQuery, NotFound, Paginated, endpoint, paginate
from changemaker_core.features.accounts.own import user_of
from changemaker_core.features.accounts.sessions import services
from changemaker_core.features.accounts.sessions.devices import describe
from changemaker_core.features.accounts.sessions.queries import ListedSession, sessions_of_user

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Site
    from changemaker_core.features.accounts.browser.sessions import BrowserSessions


class SessionOut(msgspec.Struct, frozen=True, kw_only=True):
    """A session. ``kind`` is ``browser``, or ``api`` for one with tokens; ``device`` is for people.

    ``last_used_at`` is exact to within a tenth of ``session_idle_minutes`` in a browser; of tokens,
    it is the last refresh.
    ``current`` is the session of the request.
    """

    id: str
    kind: Literal["browser", "api"]
    device: str
    address: str
    user_agent: str
    created_at: datetime
    signed_in_at: datetime
    last_used_at: datetime
    current: bool


class EndQuery(msgspec.Struct, frozen=True, kw_only=True):
    """``others=true`` leaves the session of the request."""

    others: bool = False


class SessionsResource:
    """``/api/auth/sessions``"""

    def __init__(self, site: Site, browser: BrowserSessions) -> None:
        self._site = site
        self._browser = browser

    @endpoint(permission="accounts.me.read", query=ListQuery, response=Paginated[SessionOut])
    async def on_get(
        self, req: Request, resp: Response, *, query: ListQuery
    ) -> Paginated[SessionOut]:
        """Where you are signed in, in browsers and by the API; the last used first."""
        user, now = user_of(req), self._site.clock()
        rows = await self._site.db.all(
            sessions_of_user(user.id, self._browser.idle_since(now), now)
        )
        current = None if req.sign_in is None else req.sign_in.id
        wanted = rows[query.offset : query.offset + query.limit + 1]
        return paginate([_out(row, current) for row in wanted], query, len(rows))

    @endpoint(permission="accounts.me.write", query=EndQuery, status=204)
    async def on_delete(self, req: Request, resp: Response, *, query: EndQuery) -> None:
        """Sign out everywhere: end all of your sessions, or all others."""
        current = req.sign_in.id if query.others and req.sign_in is not None else None
        await self._site.db.write(services.sign_out_everywhere, user_of(req).id, but=current)


class SessionResource:
    """``/api/auth/sessions/{id}``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(permission="accounts.me.write", status=204)
    async def on_delete(self, req: Request, resp: Response, *, id: str) -> None:
        """End one of your sessions, and its tokens with it."""
        if not await self._site.db.write(services.end_session, id, user_of(req).id):
            raise NotFound


def _out(row: ListedSession, current: str | None) -> SessionOut:
    return SessionOut(
        id=row.id,
        kind="browser" if row.kind == "browser" else "api",
        device=describe(row.user_agent),
        address=row.address,
        user_agent=row.user_agent,
        created_at=row.created_at,
        signed_in_at=row.signed_in_at,
        last_used_at=row.seen_at,
        current=row.id == current,
    )
