"""What connections share, and how: the number of them, and the turns of the event loop."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

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
        self.visitors = Visitors()

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


class Visitors:
    """Counts the connections of each visitor, as ``app.visitor_of(client)`` names them.

    ``app.max_connections`` is the limit of the process. A visitor has at most half, so that nobody
    uses up all of them.
    """

    def __init__(self) -> None:
        self._connections: Counter[str] = Counter()

    def enter(self, app: Any, client: Any) -> str | None:
        """Count a connection, and return what to pass to ``leave`` once it does not count."""
        if getattr(app, "max_connections", None) is None:
            return None
        visitor: str | None = app.visitor_of(client)
        if visitor is not None:
            self._connections[visitor] += 1
        return visitor

    def leave(self, visitor: str | None) -> None:
        """Count a connection no longer."""
        if visitor is not None:
            self._connections[visitor] -= 1
            if not self._connections[visitor]:
                del self._connections[visitor]

    def are_too_many(self, app: Any, visitor: str | None, held: int) -> bool:
        """Return whether ``held`` connections are too many for the process, or the visitor has too
        many."""
        most: int | None = getattr(app, "max_connections", None)
        if most is None:
            return False
        return held > most or (visitor is not None and 2 * self._connections[visitor] > most)
