"""Server-sent events: a response that goes on, and ends by itself when the site stops.

The format is that of the HTML standard, section 9.2 ("Server-sent events").
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from changemaker_core.http import rendering
from changemaker_core.http.errors import ClientGone, TooManyRequests, Unavailable
from changemaker_core.http.streams.streamed import Streamed
from changemaker_core.identity.actor import current_actor
from changemaker_core.text import Text

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterator

    from changemaker_core.http.request import Request
    from changemaker_core.http.streams.streamed import Header, Outlet
    from changemaker_core.metrics import Metrics

log = logging.getLogger(__name__)

#: Seconds without an event after which a comment is sent: it keeps proxies from closing the
#: connection, and shows when the client is gone.
KEEP_ALIVE_SECONDS = 15.0
#: Seconds that a client may take to read what was sent.
READ_SECONDS = 30.0
#: Seconds after which a stream ends, and the browser connects anew: who has lost a permission
#: since is refused then.
LONGEST_SECONDS = 1800.0
#: Seconds after which a browser connects anew, and how much longer at random: after a restart not
#: all come at once.
RETRY_SECONDS, RETRY_SPREAD = 2.0, 3.0
#: Seconds to wait where a limit of open streams is reached.
_FULL_RETRY = 30
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_HEADERS: list[Header] = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    # nginx would collect events until a buffer is full.
    (b"x-accel-buffering", b"no"),
    # The end of the stream is the end of the connection: at a shutdown nothing waits for it.
    (b"connection", b"close"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event of an ``EventStream``.

    ``data`` is text, or anything that a responder may return as JSON. ``event`` is its type in the
    browser, ``message`` where it is ``None``. A browser that connects anew sends the last ``id``
    that it received: ``req.last_event_id``. ``retry`` is after how many seconds it does so.
    """

    data: Any
    event: str | None = None
    id: str | None = None
    retry: float | None = None

    def __post_init__(self) -> None:
        for name in ("event", "id"):
            value = getattr(self, name)
            if value is not None and (_LINE_BREAK.search(value) or "\0" in value):
                raise ValueError(f"the {name} of an event is one line: {value!r}")


class EventStream(Streamed):
    """A response of server-sent events: return it from a responder.

    ``events`` is an async iterator of ``Event``, or of their data:

    >>> async def places(site):
    ...     async for _ in site.changed("events_sign_up"):
    ...         yield Event(data={"left": await places_left(site)})

    It is closed when the client goes away, stops reading, or the site stops. Comments keep the
    connection open while there is no event. What it raises is logged, and ends the stream; the
    browser connects anew. A process has at most ``event_streams`` open (503), and a visitor
    ``event_streams_per_visitor`` (429).
    """

    __slots__ = ("_events",)

    is_endless = True

    def __init__(self, events: AsyncIterable[Any]) -> None:
        self._events = events

    async def send(self, req: Request, headers: list[Header], outlet: Outlet) -> None:
        """Send the response to ``req``."""
        # Falcon writes a length, of the body that it has not seen.
        replaced = {b"content-length", *dict(_HEADERS)}
        own = [each for each in headers if each[0] not in replaced]
        events = aiter(self._events)
        try:
            if outlet.method == "HEAD":
                await outlet.start(200, [*own, *_HEADERS])
                await outlet.end()
                return
            with req.site.event_streams.opened(req.visitor):
                await outlet.start(200, [*own, *_HEADERS])
                await _Sending(req, outlet, events).run()
        finally:
            for each in {id(each): each for each in (events, self._events)}.values():
                if (close := getattr(each, "aclose", None)) is not None:
                    await close()


class _Sending:
    """One open stream."""

    def __init__(self, req: Request, outlet: Outlet, events: AsyncIterator[Any]) -> None:
        self._req = req
        self._outlet = outlet
        self._events = events

    async def run(self) -> None:
        """Send events until they, the client or the site end; raises ``ClientGone``."""
        req, create_task = self._req, asyncio.get_running_loop().create_task
        token = current_actor.set(req.actor)
        gone = create_task(_gone(req))
        ends = {gone, create_task(req.site.closing.wait()), create_task(asyncio.sleep(_longest()))}
        following: asyncio.Task[Any] | None = None
        try:
            await self._write(_retry(RETRY_SECONDS + random.uniform(0, RETRY_SPREAD)))  # noqa: S311  # to spread load
            while True:
                following = following or create_task(_next(self._events))
                waits = {following, *ends}
                first = asyncio.FIRST_COMPLETED
                done, _ = await asyncio.wait(waits, timeout=KEEP_ALIVE_SECONDS, return_when=first)
                if gone in done:
                    raise ClientGone
                if following in done:
                    event, following = self._result(following), None
                    if event is _END:
                        break
                    await self._write(_written(event, req))
                elif done:
                    break
                else:
                    await self._write(b":\n\n")
            await self._outlet.end()
        finally:
            current_actor.reset(token)
            running = [*ends, *([following] if following is not None else [])]
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _result(self, following: asyncio.Task[Any]) -> Any:
        try:
            return following.result()
        except Exception:
            extra = {"request_id": self._req.request_id}
            log.exception("the event stream %s failed", self._req.route, extra=extra)
            return _END

    async def _write(self, lines: bytes) -> None:
        try:
            async with asyncio.timeout(READ_SECONDS):
                await self._outlet.write(lines)
        except TimeoutError:
            raise ClientGone from None


class OpenStreams:
    """The open event streams of one process: their number, in all and of each visitor."""

    def __init__(self, most: int, most_of_visitor: int, metrics: Metrics) -> None:
        self._most = most
        self._most_of_visitor = most_of_visitor
        self._metrics = metrics
        self._of_visitor: Counter[str] = Counter()
        self._open = 0

    def __len__(self) -> int:
        return self._open

    @contextlib.contextmanager
    def opened(self, visitor: str) -> Iterator[None]:
        """Count a stream while the block runs; raises ``TooManyRequests`` or ``Unavailable``."""
        if self._of_visitor[visitor] >= self._most_of_visitor:
            detail = Text("Too many live pages are open. Close some of them.")
            raise TooManyRequests(_FULL_RETRY, detail, code="too_many_streams")
        if self._open >= self._most:
            retry = [("Retry-After", str(_FULL_RETRY))]
            raise Unavailable(code="too_many_streams", headers=retry)
        self._add(visitor, 1)
        try:
            yield
        finally:
            self._add(visitor, -1)

    def _add(self, visitor: str, count: int) -> None:
        self._open += count
        self._of_visitor[visitor] += count
        if self._of_visitor[visitor] <= 0:
            del self._of_visitor[visitor]
        self._metrics.gauge("cm_event_streams").set(self._open)


#: The end of an iterator; a task cannot raise ``StopAsyncIteration``.
_END = object()


async def _next(events: AsyncIterator[Any]) -> Any:
    return await anext(events, _END)


async def _gone(req: Request) -> None:
    """Return when the client has gone away. Its body, should there be one, is of no use."""
    while (await req.receive())["type"] != "http.disconnect":
        pass


def _longest() -> float:
    return LONGEST_SECONDS * random.uniform(0.9, 1.0)  # noqa: S311  # to spread load


def _retry(seconds: float) -> bytes:
    return b"retry: %d\n\n" % (seconds * 1000)


def _written(item: Any, req: Request) -> bytes:
    """Return an event as it is sent."""
    event = item if isinstance(item, Event) else Event(data=item)
    data = event.data if isinstance(event.data, str) else rendering.json(event.data, req).decode()
    lines = [f"data: {line}" for line in _LINE_BREAK.split(data)]
    if event.retry is not None:
        lines.insert(0, f"retry: {int(event.retry * 1000)}")
    if event.id is not None:
        lines.insert(0, f"id: {event.id}")
    if event.event is not None:
        lines.insert(0, f"event: {event.event}")
    return "\n".join([*lines, "\n"]).encode()
