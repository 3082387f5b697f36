"""httpx with a deadline for the whole request, a limit of size and no redirects.

httpx's own timeouts begin anew with each read, so that a server which sends a byte now and then
holds its client for ever; and it reads a response of any size. :class:`Outgoing` (for responders)
and :class:`OutgoingSync` (for jobs) bound both.
"""

from __future__ import annotations

import asyncio
import os
import re
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpcore
import httpx

from changemaker_core.dates import http_date
from changemaker_core.identity.origin import current_request_id
from changemaker_core.outgoing.allowed import AllowedServers
from changemaker_core.outgoing.errors import (
    InvalidURL,
    ResponseTooLarge,
    TimedOut,
    Unreachable,
    WrongContentType,
)
from changemaker_core.outgoing.transport import Network, Transport

if TYPE_CHECKING:
    import ssl
    from collections.abc import Coroutine, Mapping
    from types import TracebackType

    from changemaker_core.outgoing.breaker import Breaker

T = TypeVar("T")

_UNPACKED = {"Accept-Encoding": "identity"}
#: A ``Retry-After`` in seconds; longer numbers are mistakes.
_SECONDS = re.compile(r"[0-9]{1,9}")
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingLimits:
    """How long a request may take, in seconds, and how large its response may be, in bytes."""

    connect: float = 3.0
    #: Between two parts of the response.
    read: float = 5.0
    #: For everything together, from the look-up of the name to the last byte.
    total: float = 10.0
    max_bytes: int = 1_000_000
    #: Whether a longer body is cut at ``max_bytes``, and a compressed one left out, instead of
    #: being an error: where the status is what counts.
    cut_body: bool = False


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

    @property
    def retry_after(self) -> timedelta | None:
        """How long the server asks to wait (``Retry-After``, seconds or a date); None if not."""
        value = self.headers.get("retry-after", "").strip()
        if _SECONDS.fullmatch(value):
            return timedelta(seconds=int(value))
        until = http_date(value)
        return None if until is None else max(until - datetime.now(UTC), timedelta(0))


class Outgoing:
    """Sends requests from the event loop. Open one for each service: it reuses connections.

    ``public_only`` refuses servers of which an address is not public, for URLs that a stranger
    chose. The address that was checked is the one connected to. ``allowed`` are hosts and networks
    that are let through nevertheless, as the operator configured them. ``breaker`` fails at once
    while the service is down. ``tls`` replaces the certificate authorities that are trusted.

    The ``X-Request-ID`` of the request that is being responded to, or that the running job began
    with, goes along, except with ``public_only``. Redirects are returned, not followed; cookies are
    not kept; proxies and passwords of the environment (``HTTPS_PROXY``, ``.netrc``) are not used.

    >>> async with Outgoing("https://directory.example.org") as client:
    ...     response = await client.request("GET", "/people/7")
    """

    def __init__(
        self,
        base_url: str = "",
        *,
        limits: OutgoingLimits | None = None,
        headers: Mapping[str, str] | None = None,
        public_only: bool = False,
        allowed: AllowedServers | None = None,
        breaker: Breaker | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.limits = limits or OutgoingLimits()
        self._breaker = breaker
        guard = (allowed or AllowedServers()) if public_only else None
        self._network = Network(guard)
        self._sends_request_id = not public_only
        tls = tls or httpx.create_ssl_context(trust_env=False)
        self._client = httpx.AsyncClient(
            base_url=base_url,
            headers={**_UNPACKED, **(headers or {})},
            follow_redirects=False,
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            transport=Transport(tls, self._network),
        )

    async def check(self, url: str) -> None:
        """Raise what a request to ``url`` would raise before it is sent: ``InvalidURL`` and
        ``NotPublic``, ``Unreachable`` for a name without address, ``TimedOut`` for one whose
        look-up takes longer than ``limits.connect``.

        For a URL that is about to be stored. Each request checks again.
        """
        target = self._target(url)
        if not target.host or target.scheme not in _PORTS:
            raise InvalidURL(f"{url!r} is not http://… or https://…")
        host = target.raw_host.decode()
        try:
            async with asyncio.timeout(self.limits.connect):
                await self._network.addresses_of(host, target.port or _PORTS[target.scheme])
        except TimeoutError as error:
            raise TimedOut(f"the look-up of {host} took too long") from error
        except OSError as error:
            raise Unreachable(f"{host}: {error}") from error

    async def request(
        self, method: str, url: str, *, limits: OutgoingLimits | None = None, **options: Any
    ) -> OutgoingResponse:
        """Send a request and return the response; raises ``OutgoingError``.

        ``limits`` replaces the client's for this request. ``options`` are httpx's own: ``params``,
        ``json``, ``content``, ``headers``, …
        """
        if self._breaker is None:
            return await self._send(method, url, limits or self.limits, options)
        self._breaker.begin()
        try:
            response = await self._send(method, url, limits or self.limits, options)
        except (Unreachable, TimedOut):
            self._breaker.record_failure()
            raise
        except (ResponseTooLarge, WrongContentType):
            self._breaker.record_success()
            raise
        if response.status >= _SERVER_ERROR or response.status == _TOO_MANY_REQUESTS:
            self._breaker.record_failure(response.retry_after)
        else:
            self._breaker.record_success()
        return response

    async def _send(
        self, method: str, url: str, limits: OutgoingLimits, options: dict[str, Any]
    ) -> OutgoingResponse:
        timeout = httpx.Timeout(limits.read, connect=limits.connect)
        headers = httpx.Headers(options.get("headers"))
        if self._sends_request_id and (request_id := current_request_id()) is not None:
            headers.setdefault("X-Request-ID", request_id)
        options = {**options, "headers": headers}
        try:
            if not self._target(url).host:
                raise InvalidURL(f"{url!r} names no server")
            async with asyncio.timeout(limits.total):
                sending = self._client.stream(method, url, timeout=timeout, **options)
                async with sending as response:
                    body = await _read(response, limits)
                    return OutgoingResponse(response.status_code, response.headers, body)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpcore.UnsupportedProtocol) as error:
            raise InvalidURL(f"{error}") from error
        except (TimeoutError, httpcore.TimeoutException) as error:
            raise TimedOut(f"no complete response in {limits.total} seconds") from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise Unreachable(f"{type(error).__name__} {error}".strip()) from error

    def _target(self, url: str) -> httpx.URL:
        """Return the URL that ``url`` is here. Raises ``InvalidURL``, also for a host such as
        ``xn--i-7iq.ws``, which is no name that httpx sends a request to."""
        try:
            target = self._client.base_url.join(url)
            _ = target.host
        except (httpx.InvalidURL, UnicodeError) as error:
            raise InvalidURL(f"{error}") from error
        return target

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


async def _read(response: httpx.Response, limits: OutgoingLimits) -> bytes:
    # A few packed kilobytes unpack to gigabytes at once: we requested none, and accept none.
    if response.headers.get("content-encoding", "identity") != "identity":
        if limits.cut_body:
            return b""
        raise WrongContentType("a compressed response, which was not requested")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limits.max_bytes:
            if limits.cut_body:
                break
            raise ResponseTooLarge(f"more than {limits.max_bytes} bytes")
    return bytes(body[: limits.max_bytes])


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
        public_only: bool = False,
        allowed: AllowedServers | None = None,
        breaker: Breaker | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.limits = limits or OutgoingLimits()
        self._open_client = partial(
            Outgoing,
            base_url,
            limits=self.limits,
            headers=headers,
            public_only=public_only,
            allowed=allowed,
            breaker=breaker,
            tls=tls,
        )
        self._lock = threading.Lock()
        self._opened: tuple[int, Outgoing, asyncio.AbstractEventLoop] | None = None

    def request(
        self, method: str, url: str, *, limits: OutgoingLimits | None = None, **options: Any
    ) -> OutgoingResponse:
        """Send a request and return the response; raises ``OutgoingError``."""
        client, loop = self._open()
        return _run(client.request(method, url, limits=limits, **options), loop)

    def check(self, url: str) -> None:
        """Raise what a request to ``url`` would raise before it is sent."""
        client, loop = self._open()
        _run(client.check(url), loop)

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
                self._opened = os.getpid(), self._open_client(), loop
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
