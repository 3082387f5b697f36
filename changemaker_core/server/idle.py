"""uvicorn's HTTP protocol, with one timer for a connection instead of one for each answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio


class IdleProtocol(HttpToolsProtocol):
    """Lets go of connections that nobody has used for ``timeout_keep_alive`` seconds.

    PERF: uvicorn starts a timer after each answer and ends it at the next request. Here the moment
    of the last answer is noted, and the one timer looks at it when its time has come.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: Since when, by the loop's clock; ``None`` while there is something to answer.
        self._idle_since: float | None = None
        self._idle_timer: asyncio.TimerHandle | None = None

    def rest(self) -> None:
        """All is answered: wait for the next request."""
        self._idle_since = self.loop.time()
        if self._idle_timer is None:
            self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._look)

    def _look(self) -> None:
        self._idle_timer = None
        if self._idle_since is None:
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._idle_timer = self.loop.call_later(left, self._look)
        else:
            self.timeout_keep_alive_handler()

    def _unset_keepalive_if_required(self) -> None:
        # uvicorn's name for: something has come, or the connection is gone.
        self._idle_since = None

    def on_response_complete(self) -> None:
        if self.pipeline or self.transport.is_closing():
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self.rest()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        super().connection_lost(exc)
