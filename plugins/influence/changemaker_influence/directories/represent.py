"""OpenNorth's Represent: who represents a Canadian postal code.

https://represent.opennorth.ca/api/ allows 60 requests a minute and answers for free; this client
stays below that for the whole site, however many processes it has.
"""

from __future__ import annotations

import re
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from changemaker_core import LimitReached, SlidingWindow
from changemaker_core.outgoing.client import Limits, Outgoing, OutgoingError
from changemaker_influence.directories.directory import (
    Directory,
    DirectoryUnavailable,
    NobodyKnown,
)
from changemaker_influence.directories.represent_shape import NotRepresent, read_answer

if TYPE_CHECKING:
    from changemaker_core import Database
    from changemaker_core.outgoing.client import Fetched
    from changemaker_influence.config import InfluenceConfig
    from changemaker_influence.directories.representatives import Answer

MINUTE: Final = timedelta(minutes=1)
LATENESS: Final = timedelta(seconds=5)
MAX_BYTES: Final = 2_000_000
#: After this many failures in a row the service is left alone for a while.
FAILURES: Final = 5
PAUSE: Final = timedelta(seconds=15)
LONGEST_PAUSE: Final = timedelta(minutes=1)
#: How long to wait, as a service says it; more digits are no time that anybody means.
_SECONDS: Final = re.compile(r"[0-9]{1,9}")


class Represent(Directory):
    """Asks ``config.represent_url``, so many times in each ``period`` as the configuration says.

    ``lateness`` is how long a request may take from being counted to arriving at the server; half
    of it may be spent on waiting for our database and half on connecting.
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
        # Counted when they leave, but limited as they arrive: the window is longer by the time
        # that a request may be under way.
        self._window = SlidingWindow(
            "influence.represent", config.represent_requests_per_minute, period + lateness
        )
        self._host = urlsplit(self._url).netloc
        self._trouble = Trouble()
        self._client: Outgoing | None = None

    async def find(self, code: str) -> Answer:
        self._trouble.check()
        await self._take_turn()
        try:
            answer = await self._ask(code)
        except NobodyKnown:
            self._trouble.forget()
            raise
        except DirectoryUnavailable as unavailable:
            self._trouble.note(unavailable)
            raise
        self._trouble.forget()
        return answer

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _take_turn(self) -> None:
        """Counts the request, for the whole site; ``DirectoryUnavailable`` where it is too many."""
        began = time.monotonic()
        try:
            await self._db.write(self._window.take, self._host)
        except LimitReached as reached:
            raise DirectoryUnavailable(
                "the site's own limit is reached", retry_after=reached.retry_after
            ) from None
        if time.monotonic() - began > self._half_late:
            raise DirectoryUnavailable("waited too long for the database")

    async def _ask(self, code: str) -> Answer:
        try:
            fetched = await self._open_client().request("GET", f"{self._url}/postcodes/{code}/")
            if fetched.status == 404:
                raise NobodyKnown("404")
            if fetched.status != 200:
                raise DirectoryUnavailable(
                    f"status {fetched.status}", retry_after=_retry_after(fetched)
                )
            return read_answer(fetched.expect("application/json"))
        except (OutgoingError, NotRepresent) as error:
            raise DirectoryUnavailable(f"{type(error).__name__}: {error}") from None

    def _open_client(self) -> Outgoing:
        if self._client is None:
            limits = Limits(
                connect=self._half_late,
                read=self._deadline,
                total=self._deadline,
                max_bytes=MAX_BYTES,
            )
            self._client = Outgoing(limits=limits, headers={"Accept": "application/json"})
        return self._client


class Trouble:
    """A short memory of failures, so that visitors do not all wait for a service that is down."""

    def __init__(self) -> None:
        self._failures = 0
        self._until = 0.0

    def check(self) -> None:
        """Raises ``DirectoryUnavailable`` while the service is to be left alone."""
        left = self._until - time.monotonic()
        if left > 0:
            raise DirectoryUnavailable(
                "it failed a moment ago", retry_after=timedelta(seconds=left)
            )

    def note(self, failure: DirectoryUnavailable) -> None:
        """Remembers ``failure``. One that names a time is taken at its word, within limits."""
        self._failures += 1
        if failure.retry_after is not None:
            self._leave_alone(min(failure.retry_after, LONGEST_PAUSE))
        elif self._failures >= FAILURES:
            self._leave_alone(PAUSE)

    def forget(self) -> None:
        """It works."""
        self._failures = 0

    def _leave_alone(self, period: timedelta) -> None:
        self._until = time.monotonic() + period.total_seconds()


def _retry_after(fetched: Fetched) -> timedelta | None:
    seconds = fetched.headers.get("retry-after", "")
    return timedelta(seconds=int(seconds)) if _SECONDS.fullmatch(seconds) else None
