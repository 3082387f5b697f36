"""What connections share, and how: the number of them, and the turns of the event loop."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Collection

#: Seconds that pipelined requests get in one turn of the loop, those of all connections together,
#: and most connections that go on in it.
TURN_SECONDS = 0.001
TURN_CONNECTIONS = 2
#: Connections that were refused and are kept until their clients have read why.
MAX_REFUSED = 100


class Turns:
    """Lets connections whose clients pipeline go on, a few in each turn of the event loop.

    Without it hundreds of them would all go on between two requests of anybody else. A client
    that waits for each response before it sends the next request never comes here.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Callable[[], None]] = deque()
        self._is_scheduled = False
        #: Connections that were refused, and whose clients may still read why.
        self.refused: set[Any] = set()

    def add(self, take: Callable[[], None]) -> None:
        """Call ``take`` when it is its turn, after those that came before."""
        self._waiting.append(take)
        self._schedule()

    def _schedule(self) -> None:
        if self._waiting and not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._run)

    def _run(self) -> None:
        end = self._loop.time() + TURN_SECONDS
        for _ in range(min(len(self._waiting), TURN_CONNECTIONS)):
            self._waiting.popleft()()
            if self._loop.time() >= end:
                break
        self._is_scheduled = False
        self._schedule()


_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = WeakKeyDictionary()


def turns_of(loop: asyncio.AbstractEventLoop) -> Turns:
    """Return the turns that the connections of a loop share."""
    return _by_loop.setdefault(loop, Turns(loop))


def is_one_too_many(app: Any, client: Any, connections: Collection[Any]) -> bool:
    """Return whether the process has too many connections, or the visitor at ``client`` has.

    ``app.max_connections`` is the limit of the process. A visitor, as ``app.visitor_of(client)``
    names them, has at most half, so that nobody uses up all of them.
    """
    most: int | None = getattr(app, "max_connections", None)
    held = len(connections)
    if most is None or held > most or 2 * held <= most:
        return most is not None and held > most
    visitor = app.visitor_of(client)
    if visitor is None:
        return False
    own = [each for each in connections if app.visitor_of(each.client) == visitor]
    return 2 * len(own) > most
