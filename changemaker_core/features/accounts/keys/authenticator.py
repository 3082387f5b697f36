"""The header ``x-api-key``: which key it holds, and what that may do now."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from changemaker_core import Actor, Text, Unauthorized
from changemaker_core.db import DatabaseUnavailable
from changemaker_core.features.accounts.keys import services, text
from changemaker_core.features.accounts.keys.queries import UsedKey, key_by_hash

if TYPE_CHECKING:
    from datetime import datetime

    from changemaker_core import Request, Site
    from changemaker_core.features.accounts.roles.roles import Roles

log = logging.getLogger(__name__)

HEADER: Final = "x-api-key"
#: Seconds after which a key is read again, though no change to it was notified.
_CACHED: Final = 5


class ApiKeys:
    """The API keys of a site."""

    def __init__(self, site: Site, roles: Roles) -> None:
        self._site = site
        self._roles = roles

    async def find(self, req: Request) -> Actor | None:
        """Return the key in a request's header as an actor: an authenticator."""
        sent = req.get_header(HEADER)
        if sent is None:
            return None
        if not text.is_well_formed(sent):
            raise _invalid()
        key, now = await self._read(sent), self._site.clock()
        if not key.is_valid(now):
            raise _invalid()
        await self._note_use(key, now)
        return _actor(key, self._roles.permissions(key.role))

    async def _read(self, sent: str) -> UsedKey:
        """Return the key; it is read again after any change to it or its owner."""
        key_hash = text.hash_key(sent)

        async def read() -> UsedKey:
            key = await self._site.db.one(key_by_hash(key_hash))
            if key is None:
                raise _invalid()  # what raises is not cached: anybody can make up keys
            return key

        name = ("accounts.key", key_hash)
        return await self._site.cache.get_or_make(name, read, seconds=_CACHED, type=UsedKey)

    async def _note_use(self, key: UsedKey, now: datetime) -> None:
        if key.last_used_at is not None and now - key.last_used_at < services.USE_NOTED:
            return
        try:
            await self._site.db.write(services.note_use, key.id)
        except DatabaseUnavailable as error:
            # A request that only reads is served though nothing can be written.
            log.warning("the use of an API key could not be stored: %s", error)


def _actor(key: UsedKey, held: frozenset[str]) -> Actor:
    """Return the key with those of its permissions that its owner holds now."""
    everything = Actor("user", key.user_id, "", held)
    permissions = frozenset(each for each in key.permissions if everything.has_permission(each))
    return Actor("key", key.id, key.name, permissions, owner_id=key.user_id)


def _invalid() -> Unauthorized:
    return Unauthorized(Text("The API key is not valid, or has expired."))
