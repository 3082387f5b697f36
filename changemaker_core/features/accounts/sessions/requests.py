"""Sessions as requests need them: found in memory, and opened for the device that asks."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  # Structs read it
from typing import TYPE_CHECKING, Final

import msgspec

from changemaker_core import InvalidId, Text, Unauthorized
from changemaker_core.features.accounts.roles.rights import Rights, current_rights
from changemaker_core.features.accounts.sessions.queries import (
    SessionRow,
    session_by_hash,
    session_by_id,
)
from changemaker_core.features.accounts.sessions.services import Device

if TYPE_CHECKING:
    from changemaker_core import Bound, Request, Site

#: Seconds after which a session is read again, though no change to it was notified.
_CACHED: Final = 5


class OpenSession(SessionRow, frozen=True):
    """A session, and the rights of its user."""

    rights: Rights

    def is_open(self, now: datetime) -> bool:
        """Return whether neither the session nor the user's account has ended at ``now``."""
        return now < self.expires_at and self.rights.is_open(now)


async def session_of_cookie(site: Site, token_hash: str) -> OpenSession:
    """Return the session of a browser's cookie with this hash. Raise ``Unauthorized``."""
    return await _read(site, ("cookie", token_hash), session_by_hash(token_hash))


async def session_of_token(site: Site, id: str) -> OpenSession:
    """Return the session that an access token names. Raise ``Unauthorized``."""
    try:
        return await _read(site, ("token", id), session_by_id(id))
    except InvalidId:
        raise ended() from None


async def _read(site: Site, key: tuple[str, str], query: Bound[SessionRow]) -> OpenSession:
    """Return a session; it is read again after any change to it or to its user's rights."""

    async def read() -> OpenSession:
        row = await site.db.one(query)
        if row is None:
            raise ended()  # what raises is not cached: anybody can make up tokens
        rights = await current_rights(site, row.user_id)
        return OpenSession(**msgspec.structs.asdict(row), rights=rights)

    name = ("accounts.session", *key)
    return await site.cache.get_or_make(name, read, seconds=_CACHED, type=OpenSession)


def device_of(req: Request) -> Device:
    """Return what a request comes from."""
    return Device(req.client_ip, req.get_header("User-Agent") or "")


def ended() -> Unauthorized:
    """Return the one error of every session that is not open."""
    return Unauthorized(Text("This session has ended. Sign in again."))
