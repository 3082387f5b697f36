"""Reading a request's body: once, within its limit, from a client that may stall or go away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from changemaker_core.http.errors import ClientGone, Problem, TooLarge
from changemaker_core.text import Text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Receive = Callable[[], Awaitable[dict[str, Any]]]

#: Seconds within which a body that is read whole must have arrived.
WHOLE_SECONDS = 30.0
#: Bytes that must arrive within the seconds of ``stall``: fewer are no progress.
LEAST_PROGRESS = 4096
_READ_TWICE = (
    "the body of this request was streamed already: it is read once, by chunks() or parts();"
    " an authenticator that needs all of it calls body_bytes() before"
)


class BodyReader:
    """The body of one request. Everything that reads it goes through here.

    ``limit`` is in bytes. ``take_buffered`` returns the whole body where the server has it in
    memory, else ``None``; it is called at most once.
    """

    __slots__ = (
        "_begun",
        "_complete",
        "_limit",
        "_pending",
        "_receive",
        "_received",
        "_replayed",
        "_take_buffered",
        "_whole",
    )

    def __init__(
        self, receive: Receive, limit: int, take_buffered: Callable[[], bytes | None] | None
    ) -> None:
        self._receive = receive
        self._limit = limit
        self._take_buffered = take_buffered
        self._pending: dict[str, Any] | None = None
        self._received = 0
        self._begun = self._complete = self._replayed = False
        self._whole: bytes | None = None

    async def whole(self, limit: int) -> bytes:
        """Return the whole body; it stays in memory, so that it can be read again.

        Raises ``TooLarge`` beyond ``limit`` bytes, ``Problem`` (408) or ``ClientGone``.
        """
        if self._whole is None:
            self._begin()
            self._limit = min(self._limit, limit)
            self._whole = await self._read()
        return self._whole

    async def chunks(self, stall: float) -> AsyncIterator[bytes]:
        """Yield the body as it arrives, in pieces of the network's size; none is empty.

        Raises ``Problem`` (408) where the client sends next to nothing for ``stall`` seconds,
        ``TooLarge`` beyond the limit, and ``ClientGone``. Time that the consumer takes is not the
        client's.
        """
        if self._whole is not None:
            if self._whole:
                yield self._whole
            return
        self._begin()
        clock = asyncio.get_running_loop().time
        left, progress = stall, 0
        while not self._complete:
            began = clock()
            try:
                async with asyncio.timeout(left):
                    chunk = await self._next()
            except TimeoutError:
                raise _too_slow() from None
            progress += len(chunk)
            if progress >= LEAST_PROGRESS:
                left, progress = stall, 0
            else:
                left -= clock() - began
            if chunk:
                yield chunk

    async def event(self) -> dict[str, Any]:
        """Return ASGI's next event, for Falcon's own ``req.stream``."""
        if self._whole is not None and not self._replayed:
            self._replayed = True
            return {"type": "http.request", "body": self._whole, "more_body": False}
        if self._complete:
            return await self._receive()
        self._begun = True
        chunk = await self._next()
        return {"type": "http.request", "body": chunk, "more_body": not self._complete}

    def put_back(self, event: dict[str, Any]) -> None:
        """Take back the first event, which Falcon reads before it knows who needs it."""
        self._pending = event
        self._received = 0
        self._begun = self._complete = False

    def _begin(self) -> None:
        if self._begun:
            raise RuntimeError(_READ_TWICE)
        self._begun = True

    async def _read(self) -> bytes:
        if self._pending is None and self._take_buffered is not None:
            # PERF: most bodies come with their head, and need no timer or stream.
            body = self._take_buffered()
            if body is not None:
                self._count(len(body))
                self._complete = True
                return body
        pieces: list[bytes] = []
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                while not self._complete:
                    pieces.append(await self._next())
        except TimeoutError:
            raise _too_slow() from None
        return b"".join(pieces)

    async def _next(self) -> bytes:
        event, self._pending = self._pending, None
        if event is None:
            event = await self._receive()
        if event["type"] != "http.request":
            # Half a body must never be taken for a complete one.
            raise ClientGone
        body: bytes = event.get("body", b"")
        self._count(len(body))
        self._complete = not event.get("more_body", False)
        return body

    def _count(self, length: int) -> None:
        self._received += length
        if self._received > self._limit:
            raise too_large()


def too_large() -> TooLarge:
    """Return the error for a body over its limit; the rest is not read, so the connection ends."""
    return TooLarge(headers=[("Connection", "close")])


def _too_slow() -> Problem:
    return Problem(
        408,
        "body_timeout",
        Text("The request took too long to arrive."),
        headers=[("Connection", "close")],
    )
