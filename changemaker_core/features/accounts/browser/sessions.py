"""The browser sessions of a site: opened at sign-in, found by their cookie, ended."""

from __future__ import annotations

import contextlib
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from changemaker_core import DatabaseUnavailable, SignIn, Unauthorized
from changemaker_core.features.accounts.browser import services
from changemaker_core.features.accounts.browser.queries import messages_of
from changemaker_core.features.accounts.browser.tokens import SessionTokens
from changemaker_core.features.accounts.config import AccountsConfig
from changemaker_core.features.accounts.sessions import services as rules
from changemaker_core.features.accounts.sessions.models import BROWSER
from changemaker_core.features.accounts.sessions.requests import device_of, ended, session_of_cookie
from changemaker_core.features.accounts.signing_in.verification import wrong
from changemaker_core.features.accounts.twofactor.required import held_back
from changemaker_core.http.sessions import FlashMessage, Session, cookie

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from changemaker_core import Actor, Request, Site, Tx
    from changemaker_core.features.accounts.sessions.requests import OpenSession
    from changemaker_core.features.accounts.signing_in.services import Verified

log = logging.getLogger(__name__)

#: Where a user sees their sessions.
SESSIONS_PATH: Final = "/account/sessions"
#: How exactly a session's last use is stored: to within this part of the idle time.
_USE_NOTED = 10
#: Longer cookies are not even hashed.
_LONGEST_TOKEN = 128


class BrowserSessions:
    """The browser sessions of a site, and the store of their messages."""

    def __init__(self, site: Site) -> None:
        config = site.config_of(AccountsConfig)
        self._site = site
        self._tokens = SessionTokens(site.config.secret_keys)
        self._idle = timedelta(minutes=config.session_idle_minutes)
        self._lifetime = timedelta(days=config.session_days)

    async def find(self, req: Request) -> Actor | None:
        """Return the user of the session in a request's cookie: an authenticator."""
        token = cookie.read(req)
        if token is None:
            return None
        if len(token) > _LONGEST_TOKEN:
            raise ended()
        now = self._site.clock()
        session = await self._session(token)
        if not self._is_open(session, now):
            raise ended()
        await self._note_use(session, now)
        req.session = Session(session.id, token, self)
        req.sign_in = SignIn(session.id, session.signed_in_at)
        req.held_back = held_back(session.rights)
        return session.rights.actor()

    async def open(self, req: Request, verified: Verified) -> tuple[str, str]:
        """Open a session with a token of its own; return the header that sets its cookie."""
        token = self._tokens.new()
        former = req.session.id if req.session is not None else None
        opened = await self._site.db.write(
            lambda tx: rules.open_session(
                tx,
                verified,
                kind=BROWSER,
                lasts=self._lifetime,
                device=device_of(req),
                token_hash=self._tokens.hash(token),
                replaces=former,
            )
        )
        if opened is None:
            raise wrong()
        return cookie.setting(req, token, int(self._lifetime.total_seconds()))

    async def close(self, req: Request) -> tuple[str, str]:
        """End the request's session, if it has one; return the header that deletes its cookie."""
        if req.session is not None:
            await self._site.db.write(rules.end_session, req.session.id)
        return cookie.deletion(req)

    def idle_since(self, now: datetime) -> datetime:
        """Return the time since which a session must have been used to be open ``now``."""
        return now - self._idle

    # The store of messages.

    def add_message(self, tx: Tx, session_id: str, message: FlashMessage) -> None:
        """Keep ``message`` until it was shown."""
        services.add_message(tx, session_id, message)

    async def messages(self, session_id: str) -> Sequence[FlashMessage]:
        """Return the messages of a session, the oldest first."""
        stored = await self._site.db.all(messages_of(session_id))
        return [
            FlashMessage(id=each.id, kind=each.kind, message=each.message, params=each.params)
            for each in stored
        ]

    async def forget_messages(self, messages: Sequence[FlashMessage]) -> None:
        """Delete messages that were shown. If that fails they are shown once more."""
        try:
            await self._site.db.write(services.forget_messages, [each.id for each in messages])
        except DatabaseUnavailable as error:
            log.warning("messages that were shown could not be deleted: %s", error)

    async def _session(self, token: str) -> OpenSession:
        """Return the session with this token. Raise ``Unauthorized``."""
        for hashed in self._tokens.hashes(token):
            with contextlib.suppress(Unauthorized):
                return await session_of_cookie(self._site, hashed)
        raise ended()

    def _is_open(self, session: OpenSession, now: datetime) -> bool:
        return session.is_open(now) and self.idle_since(now) < session.seen_at

    async def _note_use(self, session: OpenSession, now: datetime) -> None:
        before = now - self._idle / _USE_NOTED
        if session.seen_at > before:
            return
        try:
            await self._site.db.write(rules.note_use, session.id, before)
        except DatabaseUnavailable as error:
            # A page that only reads is shown though nothing can be written.
            log.warning("the use of a session could not be stored: %s", error)


def sessions_of(site: Site) -> BrowserSessions:
    """Return the browser sessions of ``site``. All that they hold is in its database and cache."""
    return BrowserSessions(site)
