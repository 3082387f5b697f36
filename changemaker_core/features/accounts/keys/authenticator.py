"""The header ``x-api-key``: which key it holds, and what that may do now."""

from __future__ import annotations

import logging
from datetime import datetime  # noqa: TC003  # Structs read it
from typing import TYPE_CHECKING, Final

import msgspec

from changemaker_core import Actor, DatabaseUnavailable, Text, Unauthorized
from changemaker_core.features.accounts.keys import services, text
from changemaker_core.features.accounts.keys.queries import KeyRow, key_by_hash
from changemaker_core.features.accounts.roles.rights import Rights, current_rights

if TYPE_CHECKING:
    from changemaker_core import Request, Site

log = logging.getLogger(__name__)

HEADER: Final = "x-api-key"
#: Seconds after which a key is read again, though no change to it was notified.
_CACHED: Final = 5


class UsedKey(KeyRow, frozen=True):
    """A key, and the rights of its owner."""

    rights: Rights

    def is_valid(self, now: datetime) -> bool:
        """Return whether neither the key nor its owner's account has ended at ``now``."""
        lasts = self.expires_at is None or now < self.expires_at
        return lasts and self.rights.is_open(now)


class ApiKeys:
    """The API keys of a site."""

    def __init__(self, site: Site) -> None:
        self._site = site

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
        return _actor(key)

    async def _read(self, sent: str) -> UsedKey:
        """Return the key; it is read again after any change to it or to its owner's rights."""
        key_hash = text.hash_key(sent)

        async def read() -> UsedKey:
            row = await self._site.db.one(key_by_hash(key_hash))
            if row is None:
                raise _invalid()  # what raises is not cached: anybody can make up keys
            rights = await current_rights(self._site, row.user_id)
            return UsedKey(**msgspec.structs.asdict(row), rights=rights)

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


def _actor(key: UsedKey) -> Actor:
    """Return the key with those of its permissions that its owner holds now, and where they do."""
    owner = key.rights.actor()
    permissions = frozenset(each for each in key.permissions if owner.has_permission(each))
    scoped = frozenset(pair for pair in owner.scoped if pair[0] in key.permissions)
    return Actor("key", key.id, key.name, permissions, scoped, owner_id=key.user_id)


def _invalid() -> Unauthorized:
    return Unauthorized(Text("The API key is not valid, or has expired."))
