"""Looking somebody up: the cache first, then the directory, then what is left of the cache."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from changemaker_influence.config import InfluenceConfig
from changemaker_influence.directories import services
from changemaker_influence.directories.directory import Directory, DirectoryUnavailable
from changemaker_influence.directories.queries import KeptAnswer, kept_answer
from changemaker_influence.directories.shipped import SHIPPED

if TYPE_CHECKING:
    from datetime import datetime

    from changemaker_core import Site
    from changemaker_influence.directories.representatives import Answer
    from changemaker_influence.directories.services import Source

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An answer, where it came from, and how old it is; ``cached_at`` is ``None`` for answers that
    are not kept."""

    code: str
    spaced: str
    answer: Answer
    source: Source
    cached_at: datetime | None


class Lookups:
    """The lookups of one site, in its configured directory."""

    def __init__(self, site: Site, directory: Directory) -> None:
        self._site = site
        self._directory = directory
        self._max_age = timedelta(days=site.settings(InfluenceConfig).directory_cache_days)
        self._under_way: dict[str, asyncio.Task[Found]] = {}

    @classmethod
    def of(cls, site: Site) -> Lookups:
        """In the directory that the configuration names.

        Raises ``ConfigError`` where nobody registers it, or two plugins do.
        """
        name = site.settings(InfluenceConfig).directory
        contributed = site.sweep("influence_register_directories", site=site)
        named = [each for each in contributed if each.item.name == name]
        if not named:
            known = ", ".join(sorted({*SHIPPED, *(each.item.name for each in contributed)}))
            raise site.config.wrong("influence", "directory", f"is {name!r}; there are: {known}")
        if len(named) > 1:
            owners = " and ".join(each.plugin.name for each in named)
            problem = f"is {name!r}, which {owners} both offer"
            raise site.config.wrong("influence", "directory", problem)
        return cls(site, named[0].item)

    def spaced(self, typed: str) -> str:
        """A postal code as people write it; ``PostalCodeInvalid`` for no code."""
        return self._directory.spaced(self._directory.normalise(typed))

    async def find(self, typed: str) -> Found:
        """Who represents the postal code that somebody typed.

        Raises ``PostalCodeInvalid``; ``NobodyKnown`` or ``DirectoryUnavailable`` where there is no
        answer, not even an old one.
        """
        code = self._directory.normalise(typed)
        task = self._under_way.get(code)
        if task is None:
            task = asyncio.create_task(self._look_up(code))
            self._under_way[code] = task
            task.add_done_callback(lambda done: self._landed(code, done))
        # Shielded: a visitor who goes away must not cancel the others' lookup.
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Lets go of what the directory holds open."""
        await self._directory.close()

    def _landed(self, code: str, task: asyncio.Task[Found]) -> None:
        del self._under_way[code]
        if not task.cancelled():
            task.exception()  # all who asked may have gone; that is no error

    async def _look_up(self, code: str) -> Found:
        if not self._directory.cached:
            return await self._look_up_now(code)
        kept = await self._site.db.one(kept_answer(directory=self._directory.name, code=code))
        if kept is not None and kept.cached_at > self._site.clock() - self._max_age:
            return await self._from_cache(code, kept, "cache")
        try:
            answer = await self._directory.find(code)
        except DirectoryUnavailable as unavailable:
            log.warning("no live answer from %s: %s", self._directory.name, unavailable.reason)
            if kept is None:
                await self._count(services.NONE)
                raise
            return await self._from_cache(code, kept, "cache_stale")
        await self._site.db.write(services.keep, self._directory.name, code, answer)
        return self._found(code, answer, "live", self._site.clock())

    async def _look_up_now(self, code: str) -> Found:
        try:
            answer = await self._directory.find(code)
        except DirectoryUnavailable:
            await self._count(services.NONE)
            raise
        await self._count("live")
        return self._found(code, answer, "live", None)

    async def _from_cache(self, code: str, kept: KeptAnswer, source: Source) -> Found:
        await self._count(source)
        return self._found(code, kept.answer, source, kept.cached_at)

    async def _count(self, source: str) -> None:
        await self._site.db.write(services.count, source)

    def _found(self, code: str, answer: Answer, source: Source, at: datetime | None) -> Found:
        return Found(
            code=code,
            spaced=self._directory.spaced(code),
            answer=answer,
            source=source,
            cached_at=at,
        )
