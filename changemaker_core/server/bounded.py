"""uvicorn's HTTP protocol, with an end to the patience for a request's head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from changemaker_core.server.idle import IdleProtocol

if TYPE_CHECKING:
    import asyncio

#: Bytes of a head, or of what comes after a body, beside what arrived together with its beginning.
LONGEST_HEAD = 65_536
#: Seconds within which a head must have arrived.
HEAD_SECONDS = 30.0
_TOO_LONG = "431 Request Header Fields Too Large"
_TOO_LATE = "408 Request Timeout"


class BoundedProtocol(IdleProtocol):
    """Refuses heads that are too long, and closes connections whose request never comes.

    uvicorn does neither with httptools: one header without an end would fill the memory, and one
    letter would hold a connection for ever. Bodies have their limits in the edge.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = False
        #: Whether the last bytes began or ended something, or were of a body; and how many did not.
        self._went_on = False
        self._stalled = 0
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._went_on = False
        super().data_received(data)
        self._stalled = 0 if self._went_on else self._stalled + len(data)
        if self._stalled > LONGEST_HEAD:
            self._refuse(_TOO_LONG)
        elif self._in_head and self._patience is None:
            # PERF: nearly every head comes whole, and needs no timer.
            self._wait()

    def on_message_begin(self) -> None:
        self._in_head = self._went_on = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.head_arrived()
        super().on_headers_complete()

    def head_arrived(self) -> None:
        """The request may be answered: its head is whole."""
        self._in_head, self._went_on = False, True
        if self._patience is not None:
            self._wait_no_more()

    def on_body(self, body: bytes) -> None:
        self._went_on = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._went_on = True
        super().on_message_complete()

    def _wait(self) -> None:
        self._patience = self.loop.call_later(HEAD_SECONDS, self._waited)

    def _wait_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _waited(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._wait()  # it still gets the answer to an earlier request
        else:
            self._refuse(_TOO_LATE)

    def _refuse(self, status: str) -> None:
        """Say why, where a request was begun and no other's answer is under way; hang up."""
        answering = self.cycle is not None and not self.cycle.response_complete
        if self._in_head and not answering and not self.transport.is_closing():
            head = f"HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            self.transport.write(head.encode("ascii"))
        self.transport.close()
