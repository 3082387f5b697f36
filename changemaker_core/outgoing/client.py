"""httpx with a deadline for the whole request, a limit of size and no redirects.

httpx's own timeouts begin anew with each read, so that a server which sends a byte now and then
holds its client for ever; and it reads a response of any size. :class:`Outgoing` (for responders)
and :class:`OutgoingSync` (for jobs) bound both.
"""

from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from types import TracebackType

T = TypeVar("T")

_UNPACKED = {"Accept-Encoding": "identity"}


class OutgoingError(Exception):
    """Another server sent no response that can be used."""


class Unreachable(OutgoingError):
    """No connection, or one that broke before the response was complete."""


class TimedOut(OutgoingError):
    """The response was not complete within the deadline."""


class ResponseTooLarge(OutgoingError):
    """The response is larger than the limit."""


class WrongContentType(OutgoingError):
    """The response is not of the expected type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingLimits:
    """How long a request may take, in seconds, and how large its response may be, in bytes."""

    connect: float = 3.0
    #: Between two parts of the response.
    read: float = 5.0
    #: For everything together, from the look-up of the name to the last byte.
    total: float = 10.0
    max_bytes: int = 1_000_000


@dataclass(frozen=True, slots=True)
class OutgoingResponse:
    """A complete response: any status, redirects included; header names ignore case."""

    status: int
    headers: httpx.Headers
    body: bytes

    def expect(self, content_type: str) -> bytes:
        """Return the body, if it is of ``content_type``; raises ``WrongContentType``."""
        sent = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if sent != content_type:
            raise WrongContentType(f"{sent or 'nothing'} instead of {content_type}")
        return self.body


class Outgoing:
    """Sends requests from the event loop. Open one for each service: it reuses connections.

    >>> async with Outgoing("https://directory.example.org") as client:
    ...     response = await client.request("GET", "/people/7")
    """

    def __init__(
        self,
        base_url: str = "",
        *,
        limits: OutgoingLimits | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.limits = limits or OutgoingLimits()
        self._client = httpx.AsyncClient(
            base_url=base_url,
            timeout=httpx.Timeout(self.limits.read, connect=self.limits.connect),
            headers={**_UNPACKED, **(headers or {})},
            follow_redirects=False,
        )

    async def request(self, method: str, url: str, **options: Any) -> OutgoingResponse:
        """Send a request and return the response; raises ``OutgoingError``.

        ``options`` are httpx's own: ``params``, ``json``, ``content``, ``headers``, …
        """
        try:
            async with asyncio.timeout(self.limits.total):
                async with self._client.stream(method, url, **options) as response:
                    body = await self._read(response)
                    return OutgoingResponse(response.status_code, response.headers, body)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise TimedOut(f"no complete response in {self.limits.total} seconds") from error
        except httpx.TransportError as error:
            raise Unreachable(type(error).__name__) from error

    async def _read(self, response: httpx.Response) -> bytes:
        # A few packed kilobytes unpack to gigabytes at once: we requested none, and accept none.
        if response.headers.get("content-encoding", "identity") != "identity":
            raise WrongContentType("a compressed response, which was not requested")
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > self.limits.max_bytes:
                raise ResponseTooLarge(f"more than {self.limits.max_bytes} bytes")
        return bytes(body)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.close()


class OutgoingSync:
    """Sends requests from threads, as jobs do; otherwise as :class:`Outgoing`.

    NOTE(deadline): a blocking socket has a timeout for each read only. So the requests run in an
    event loop on a thread of their own, where one deadline holds for all of it, name look-up too.
    """

    def __init__(
        self,
        base_url: str = "",
        *,
        limits: OutgoingLimits | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.limits = limits or OutgoingLimits()
        self._base_url = base_url
        self._headers = headers
        self._lock = threading.Lock()
        self._opened: tuple[int, Outgoing, asyncio.AbstractEventLoop] | None = None

    def request(self, method: str, url: str, **options: Any) -> OutgoingResponse:
        """Send a request and return the response; raises ``OutgoingError``."""
        client, loop = self._open()
        return _run(client.request(method, url, **options), loop)

    def close(self) -> None:
        """Close its connections."""
        with self._lock:
            opened, self._opened = self._opened, None
        if opened is not None and opened[0] == os.getpid():
            _, client, loop = opened
            _run(client.close(), loop)
            loop.call_soon_threadsafe(loop.stop)

    def _open(self) -> tuple[Outgoing, asyncio.AbstractEventLoop]:
        """Return the client and its loop, which a fork leaves behind without their thread."""
        with self._lock:
            if self._opened is None or self._opened[0] != os.getpid():
                loop = asyncio.new_event_loop()
                threading.Thread(target=_turn, args=(loop,), name="outgoing", daemon=True).start()
                client = Outgoing(self._base_url, limits=self.limits, headers=self._headers)
                self._opened = os.getpid(), client, loop
            return self._opened[1:]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()


def _turn(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


def _run(coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> T:
    return asyncio.run_coroutine_threadsafe(coroutine, loop).result()
