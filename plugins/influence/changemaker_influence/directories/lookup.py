"""Lookups of representatives: the cache, then the directory, then an older cached entry."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import peewee

from changemaker_core import LimitReached, SlidingWindow, did_you_mean
from changemaker_influence.config import SAMPLE, InfluenceConfig
from changemaker_influence.directories import services
from changemaker_influence.directories.errors import DirectoryUnavailable, TooManyLookups
from changemaker_influence.directories.queries import CachedEntry, cached_entry
from changemaker_influence.networks.services import raised_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from changemaker_core import Site, Tx
    from changemaker_influence.directories.directory import Directory
    from changemaker_influence.directories.representatives import DirectoryEntry
    from changemaker_influence.directories.services import Source

log = logging.getLogger(__name__)

SHIPPED: Final = ("file", "represent")
#: Problems of a directory's data that a process logs: each once.
_MAX_LOGGED: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupResult:
    """The entry of a postal code, its source and its age.

    ``code`` is normalised and ``formatted_code`` as people write it. ``cached_at`` is ``None`` for
    an entry that is not cached.
    """

    code: str
    formatted_code: str
    entry: DirectoryEntry
    source: Source
    cached_at: datetime | None


class Running(NamedTuple):
    """A lookup that has not ended, and the visitor for whom it began."""

    task: asyncio.Task[LookupResult]
    visitor: str


class Lookups:
    """The lookups of one site, in its configured directory.

    Each request to a directory that others provide counts for the visitor who causes it, in a limit
    that is smaller than the site's: one visitor must not use that up. What is cached costs nothing.
    """

    def __init__(self, site: Site, directory: Directory) -> None:
        config = site.config_of(InfluenceConfig)
        self._site = site
        self._directory = directory
        self._max_age = timedelta(days=config.directory_cache_days)
        self._of_visitor = SlidingWindow(
            "influence.lookups", config.lookups_per_minute, timedelta(minutes=1)
        )
        self._running: dict[str, Running] = {}
        self._logged: set[str] = set()

    @property
    def directory(self) -> Directory:
        """The directory that the configuration names."""
        return self._directory

    @classmethod
    def of(cls, site: Site) -> Lookups:
        """Return the lookups in the directory that the configuration names.

        Raises ``ConfigError`` where no plugin registers it, or two plugins do.
        """
        name = site.config_of(InfluenceConfig).directory
        contributed = site.call_hook("influence_register_directories", site=site)
        named = [each for each in contributed if each.item.name == name]
        if not named:
            known = sorted({*SHIPPED, *(each.item.name for each in contributed)})
            problem = f"is {name!r}; there are: {', '.join(known)}.{did_you_mean(name, known)}"
            raise site.config.wrong("influence", "directory", problem)
        if len(named) > 1:
            owners = " and ".join(each.plugin.name for each in named)
            problem = f"is {name!r}, which {owners} both offer"
            raise site.config.wrong("influence", "directory", problem)
        return cls(site, named[0].item)

    def format_code(self, typed: str) -> str:
        """Return a typed postal code as people write it. Raises ``PostalCodeInvalid``."""
        return self._directory.format_code(self._directory.normalise(typed))

    async def find(self, typed: str, *, visitor: str) -> LookupResult:
        """Return the representatives of the postal code that a visitor typed.

        Raises ``PostalCodeInvalid``; ``PostalCodeUnknown``, ``TooManyLookups`` or another
        ``DirectoryUnavailable`` where there is no entry, not even an old one.
        """
        code = self._directory.normalise(typed)
        while True:
            running = self._running.get(code) or self._begin(code, visitor)
            try:
                # Shielded: a visitor who goes away must not cancel the others' lookup.
                return await asyncio.shield(running.task)
            except TooManyLookups:
                if running.visitor == visitor:
                    raise
                # Another visitor, whose lookup this one joined, had no more: each has their own.

    async def close(self) -> None:
        """Close the directory."""
        await self._directory.close()

    def _begin(self, code: str, visitor: str) -> Running:
        task = asyncio.create_task(self._look_up(code, visitor))
        running = self._running[code] = Running(task, visitor)
        task.add_done_callback(lambda done: self._finished(code, done))
        return running

    def _finished(self, code: str, task: asyncio.Task[LookupResult]) -> None:
        del self._running[code]
        if not task.cancelled():
            task.exception()  # all who asked may have gone; that is no error

    async def _look_up(self, code: str, visitor: str) -> LookupResult:
        directory, db = self._directory, self._site.db
        cached: CachedEntry | None = None
        if directory.cached:
            cached = await db.one(cached_entry(directory=directory.name, code=code))
            if cached is not None and cached.cached_at > self._site.clock() - self._max_age:
                return await self._counted(code, cached.entry, "cache", cached.cached_at)
        try:
            if directory.cached:
                await self._count_request(visitor)
            entry = await directory.find(code)
        except DirectoryUnavailable as unavailable:
            if directory.cached and not isinstance(unavailable, TooManyLookups):
                log.warning("no live result from %s: %s", directory.name, unavailable.reason)
            if cached is None:
                await self._record(services.count_lookup, services.NO_SOURCE)
                raise
            return await self._counted(code, cached.entry, "cache_stale", cached.cached_at)
        self._log(entry.problems)
        if not directory.cached:
            return await self._counted(code, entry, "live", None)
        if entry.problems and not entry.representatives:
            # Nothing of it could be used: the last entry is better, and this one is not cached.
            if cached is not None:
                return await self._counted(code, cached.entry, "cache_stale", cached.cached_at)
            return await self._counted(code, entry, "live", None)
        stored = await self._record(services.cache_live_entry, directory.name, code, entry)
        return self._result(code, entry, "live", self._site.clock() if stored else None)

    async def _record(self, write: Callable[..., None], *args: Any) -> bool:
        """Store what a lookup leaves behind; False where the database takes no writes: a full disk
        is no reason to show nobody their representatives."""
        try:
            await self._site.db.write(write, *args)
        except peewee.OperationalError as error:
            log.warning("a lookup was not recorded: %s", error)
            return False
        return True

    def _log(self, problems: Iterable[str]) -> None:
        """Log each problem of the directory's data once; ``changemaker doctor`` lists them, too."""
        for problem in problems:
            if problem not in self._logged and len(self._logged) < _MAX_LOGGED:
                self._logged.add(problem)
                log.warning("data of %s: %s", self._directory.name, problem)

    async def _count_request(self, visitor: str) -> None:
        """Count a request to the directory for its visitor. Raises ``TooManyLookups``."""

        def count(tx: Tx) -> None:
            # In a network of an event, many people look up their codes: the site's limit is theirs.
            if raised_limit(network=visitor, now=tx.now).one() is None:
                self._of_visitor.take(tx, visitor)

        try:
            await self._site.db.write(count)
        except LimitReached as reached:
            raise TooManyLookups(reached.retry_after) from None

    async def _counted(
        self, code: str, entry: DirectoryEntry, source: Source, cached_at: datetime | None
    ) -> LookupResult:
        await self._record(services.count_lookup, source)
        return self._result(code, entry, source, cached_at)

    def _result(
        self, code: str, entry: DirectoryEntry, source: Source, cached_at: datetime | None
    ) -> LookupResult:
        return LookupResult(
            code=code,
            formatted_code=self._directory.format_code(code),
            entry=entry,
            source=source,
            cached_at=cached_at,
        )


def shipped_directories(site: Site) -> list[Directory]:
    """Return the shipped directory that is configured, if one is.

    Only that one is built: a file must exist to be read, and an HTTP client takes time to import.
    """
    config = site.config_of(InfluenceConfig)
    if config.directory == "represent":
        from changemaker_influence.directories.represent import Represent

        return [Represent(site.db, config)]
    if config.directory != "file":
        return []
    from changemaker_influence.directories.files import FileDirectory, FileUnreadable

    file = config.directory_file
    try:
        return [FileDirectory(file if file == SAMPLE else str(site.config.site_dir / file))]
    except FileUnreadable as error:
        raise site.config.wrong("influence", "directory_file", f"cannot be used: {error}") from None
