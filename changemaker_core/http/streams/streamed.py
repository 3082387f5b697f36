"""What a responder returns for a response that is not in memory as a whole."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from changemaker_core.http.request import Request

Header = tuple[bytes, bytes]


class Outlet(Protocol):
    """Where a streamed response goes; the edge's ``Sender``."""

    #: The request's method as the client sent it; a response to HEAD has no body.
    method: str

    @property
    def sends_files(self) -> bool:
        """Whether the server sends from a file by itself (:meth:`write_file`)."""

    async def start(self, status: int, headers: list[Header]) -> None:
        """Send the head, with the headers of every response."""

    async def write(self, body: bytes) -> None:
        """Send a part of the body; returns when the client has read most of what came before."""

    async def write_file(self, descriptor: int, offset: int, count: int) -> None:
        """Send ``count`` bytes of an open file, from ``offset`` on."""

    async def end(self) -> None:
        """End the response."""


class Streamed:
    """Base class of what responders return to stream a response."""

    __slots__ = ()

    #: Whether it goes on until the client leaves: the access log has the time until its head.
    is_endless: ClassVar[bool] = False

    async def send(self, req: Request, headers: list[Header], outlet: Outlet) -> None:
        """Send the response. ``headers`` are those that the responder has set."""
        raise NotImplementedError


async def close(values: object) -> None:
    """End an iterator, async or not, now and not when it is collected; others are left alone."""
    if (aclose := getattr(values, "aclose", None)) is not None:
        await aclose()
    elif (close := getattr(values, "close", None)) is not None:
        await asyncio.to_thread(close)
