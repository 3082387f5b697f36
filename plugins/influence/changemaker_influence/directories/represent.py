"""OpenNorth's Represent: the representatives of a Canadian postal code.

https://represent.opennorth.ca/api/ is free and allows 60 requests a minute; this client stays below
that for the whole site, in however many processes it runs.
"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from changemaker_core import LimitReached, SlidingWindow
from changemaker_core.outgoing import (
    Breaker,
    BreakerOpen,
    Outgoing,
    OutgoingError,
    OutgoingLimits,
)
from changemaker_influence.directories import postal_codes
from changemaker_influence.directories.directory import Directory
from changemaker_influence.directories.errors import DirectoryUnavailable, PostalCodeUnknown
from changemaker_influence.directories.represent_format import (
    MAX_BYTES,
    NotRepresentFormat,
    read_entry,
)

if TYPE_CHECKING:
    from changemaker_core import Database
    from changemaker_influence.config import InfluenceConfig
    from changemaker_influence.directories.representatives import DirectoryEntry

MINUTE: Final = timedelta(minutes=1)
LATENESS: Final = timedelta(seconds=5)


class Represent(Directory):
    """The directory at ``config.represent_url``, within the configured number of requests.

    That number is for each ``period``. ``lateness`` is the time that a request may take from being
    counted to arriving at the server; half of it may be spent on waiting for our database and half
    on connecting.
    """

    name = "represent"

    def __init__(
        self,
        db: Database,
        config: InfluenceConfig,
        *,
        period: timedelta = MINUTE,
        lateness: timedelta = LATENESS,
    ) -> None:
        self._db = db
        self._url = config.represent_url.rstrip("/")
        self._deadline = config.directory_timeout_seconds
        self._half_late = lateness.total_seconds() / 2
        # NOTE(limits): requests are counted when they leave, and limited by the server as they
        # arrive: the window is longer by the time that a request may be on its way.
        self._window = SlidingWindow(
            "influence.represent", config.represent_requests_per_minute, period + lateness
        )
        self._host = urlsplit(self._url).netloc
        # Trips on a service that is down, never on what an entry contains: one odd record must not
        # close the directory to every other postal code.
        self._breaker = Breaker("represent")
        self._client: Outgoing | None = None

    def search_page(self, locale: str) -> str:
        return postal_codes.search_page(locale)

    async def find(self, code: str) -> DirectoryEntry:
        try:
            self._breaker.check()
        except BreakerOpen as refused:
            raise _unavailable(refused) from None
        await self._count_request()
        return await self._fetch(code)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _count_request(self) -> None:
        """Count the request for the whole site. Raises ``DirectoryUnavailable`` above the limit."""
        began = time.monotonic()
        try:
            await self._db.write(self._window.take, self._host)
        except LimitReached as reached:
            raise DirectoryUnavailable(
                "the site's own limit is reached", retry_after=reached.retry_after
            ) from None
        if time.monotonic() - began > self._half_late:
            raise DirectoryUnavailable("waited too long for the database")

    async def _fetch(self, code: str) -> DirectoryEntry:
        try:
            fetched = await self._open_client().request("GET", f"{self._url}/postcodes/{code}/")
            if fetched.status == 404:
                raise PostalCodeUnknown("404")
            if fetched.status != 200:
                raise DirectoryUnavailable(
                    f"status {fetched.status}", retry_after=fetched.retry_after
                )
            content = fetched.expect("application/json")
            # Two megabytes of oddities take a second, in which the site must serve everybody else.
            return await asyncio.to_thread(read_entry, content)
        except BreakerOpen as refused:  # since the request was counted
            raise _unavailable(refused) from None
        except (OutgoingError, NotRepresentFormat) as error:
            raise DirectoryUnavailable(f"{type(error).__name__}: {error}") from None

    def _open_client(self) -> Outgoing:
        if self._client is None:
            limits = OutgoingLimits(
                connect=self._half_late,
                read=self._deadline,
                total=self._deadline,
                max_bytes=MAX_BYTES,
            )
            self._client = Outgoing(
                limits=limits, headers={"Accept": "application/json"}, breaker=self._breaker
            )
        return self._client


def _unavailable(refused: BreakerOpen) -> DirectoryUnavailable:
    return DirectoryUnavailable(str(refused), retry_after=refused.retry_after)
