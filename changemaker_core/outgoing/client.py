"""Asking other servers: httpx with a deadline for the whole, a limit of size and no redirects.

httpx's own timeouts begin anew with each chunk, so that a server which sends a byte now and then
keeps its client for ever; and it reads whatever it is sent. :class:`Outgoing` (for responders) and
:class:`OutgoingSync` (for jobs) do neither.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

_UNPACKED = {"Accept-Encoding": "identity"}


class OutgoingError(Exception):
    """Another server gave no answer that can be used."""


class Unreachable(OutgoingError):
    """No connection, or one that broke before the answer was whole."""


class TimedOut(OutgoingError):
    """The answer was not whole within the deadline."""


class AnswerTooLarge(OutgoingError):
    """The answer is larger than the limit."""


class WrongContentType(OutgoingError):
    """The answer is not of the kind that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a request may take, in seconds, and how large its answer may be, in bytes."""

    connect: float = 3.0
    #: Between two chunks of the answer.
    read: float = 5.0
    #: For everything together.
    total: float = 10.0
    max_bytes: int = 1_000_000

    @property
    def timeout(self) -> httpx.Timeout:
        """The same, as far as httpx knows it."""
        return httpx.Timeout(self.read, connect=self.connect)


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer: its status may be anything, a redirect too; header names are lower-case."""

    status: int
    headers: httpx.Headers
    body: bytes

    def expect(self, content_type: str) -> bytes:
        """The body, if it is of ``content_type``; raises ``WrongContentType``."""
        sent = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if sent != content_type:
            raise WrongContentType(f"{sent or 'nothing'} instead of {content_type}")
        return self.body


class Outgoing:
    """Asks from the event loop. Open it once for each service, as its connections are kept.

    >>> async with Outgoing("https://represent.example.org") as client:
    ...     fetched = await client.request("GET", "/postcodes/L5G4L3/")
    """

    def __init__(
        self,
        base_url: str = "",
        *,
        limits: Limits | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._client = httpx.AsyncClient(
            base_url=base_url,
            timeout=self.limits.timeout,
            headers={**_UNPACKED, **(headers or {})},
            follow_redirects=False,
        )

    async def request(self, method: str, url: str, **options: Any) -> Fetched:
        """Ask, with httpx's own ``options`` (``params``, ``json``, …); raises ``OutgoingError``."""
        try:
            async with asyncio.timeout(self.limits.total):
                async with self._client.stream(method, url, **options) as response:
                    size = _Size(response, self.limits.max_bytes)
                    async for chunk in response.aiter_raw():
                        size.add(chunk)
                    return Fetched(response.status_code, response.headers, size.whole())
        except (TimeoutError, httpx.TimeoutException) as error:
            raise TimedOut(f"no whole answer in {self.limits.total} seconds") from error
        except httpx.TransportError as error:
            raise Unreachable(type(error).__name__) from error

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
    """Asks from a thread, as jobs do; otherwise as :class:`Outgoing`.

    The deadline is looked at between chunks: an answer may be late by ``limits.read``, no more.
    """

    def __init__(
        self,
        base_url: str = "",
        *,
        limits: Limits | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._client = httpx.Client(
            base_url=base_url,
            timeout=self.limits.timeout,
            headers={**_UNPACKED, **(headers or {})},
            follow_redirects=False,
        )

    def request(self, method: str, url: str, **options: Any) -> Fetched:
        """Ask, with httpx's own ``options`` (``params``, ``json``, …); raises ``OutgoingError``."""
        until = time.monotonic() + self.limits.total
        try:
            with self._client.stream(method, url, **options) as response:
                size = _Size(response, self.limits.max_bytes)
                for chunk in response.iter_raw():
                    size.add(chunk)
                    if time.monotonic() > until:
                        raise TimedOut(f"no whole answer in {self.limits.total} seconds")
                return Fetched(response.status_code, response.headers, size.whole())
        except httpx.TimeoutException as error:
            raise TimedOut(f"nothing came for {self.limits.read} seconds") from error
        except httpx.TransportError as error:
            raise Unreachable(type(error).__name__) from error

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()


class _Size:
    """Gathers an answer as long as it is within the limit."""

    def __init__(self, response: httpx.Response, most: int) -> None:
        # A few packed kilobytes unpack to gigabytes at once: we asked for none, and take none.
        if response.headers.get("content-encoding", "identity") != "identity":
            raise WrongContentType("a packed answer, which was not asked for")
        self._most = most
        self._chunks: list[bytes] = []
        self._size = 0

    def add(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._most:
            raise AnswerTooLarge(f"more than {self._most} bytes")
        self._chunks.append(chunk)

    def whole(self) -> bytes:
        return b"".join(self._chunks)
