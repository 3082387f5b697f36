"""Connections to other servers: httpcore's pool over addresses that are looked up and checked here.

The pool keeps a connection under the server's name, and verifies its certificate against that name;
only the address that is dialled is ours. So the address that was checked is the one connected to,
whatever the name means a moment later.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpcore
import httpx

from changemaker_core.outgoing.addresses import resolve
from changemaker_core.outgoing.errors import NotPublic

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterable, AsyncIterator, Iterable

    from changemaker_core.outgoing.allowed import AllowedServers

#: Seconds until the next address of a server is tried beside the last one (RFC 8305).
NEXT_ADDRESS = 0.25


class Network(httpcore.AsyncNetworkBackend):
    """Dials the addresses of a host.

    With ``allowed``, each one must be public, or be allowed.
    """

    def __init__(self, allowed: AllowedServers | None) -> None:
        self._allowed = allowed
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = await self.addresses_of(host, port)
                return await self._first_of(addresses, port, local_address, socket_options)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"no connection to {host}") from error
        except OSError as error:
            raise httpcore.ConnectError(f"{host}: {error}") from error

    async def addresses_of(self, host: str, port: int) -> list[str]:
        """Return the addresses that a request to ``host`` would dial. Raises ``NotPublic``."""
        addresses = await resolve(host, port)
        forbidden = self._allowed.forbidden(host, addresses) if self._allowed else None
        if forbidden is not None:
            raise NotPublic(f"{host} has the address {forbidden}, which is not public")
        return addresses

    async def _first_of(
        self,
        addresses: list[str],
        port: int,
        local_address: str | None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None,
    ) -> httpcore.AsyncNetworkStream:
        """Return the first connection of several attempts, which start one after another.

        An address that is not reachable costs a quarter of a second, and not the whole timeout.
        """
        attempts: list[asyncio.Task[httpcore.AsyncNetworkStream]] = []
        pending: set[asyncio.Task[httpcore.AsyncNetworkStream]] = set()
        waiting = list(addresses)
        try:
            while waiting or pending:
                if waiting:
                    dial = self._inner.connect_tcp(
                        waiting.pop(0), port, None, local_address, socket_options
                    )
                    attempts.append(asyncio.create_task(dial))
                    pending.add(attempts[-1])
                done, pending = await asyncio.wait(
                    pending,
                    timeout=NEXT_ADDRESS if waiting else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for attempt in done:
                    if attempt.exception() is None:
                        attempts.remove(attempt)
                        return attempt.result()
        finally:
            await _abandon(attempts)
        return attempts[0].result()  # raises the first address's error


async def _abandon(attempts: list[asyncio.Task[httpcore.AsyncNetworkStream]]) -> None:
    """Cancel attempts to connect, and close what became a connection nevertheless."""
    for attempt in attempts:
        attempt.cancel()
    for outcome in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(outcome, httpcore.AsyncNetworkStream):
            await outcome.aclose()


class Transport(httpx.AsyncBaseTransport):
    """httpx's requests through httpcore's pool. No proxy, whatever the environment says."""

    def __init__(self, tls: ssl.SSLContext, network: Network) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            network_backend=network,
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        target = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        response = await self._pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=target,
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Stream(response),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Stream(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        stream: AsyncIterable[bytes] = self._response.aiter_stream()
        async for chunk in stream:
            yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()
