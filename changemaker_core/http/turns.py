"""Asking once for all requests that are there already."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: In one process, a test say, somebody may write without letting the loop turn: no write is faster.
_LONGEST_TURN = 0.0001


class OncePerTurn:
    """``check()`` calls what it was given at most once in a turn of the event loop.

    Whatever runs before the end of the turn was waiting already when the check was made: its
    request had arrived by then, and can know of no later write. So a check is as good for it as
    one of its own, and under load dozens of requests share one.
    """

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._good_until = 0.0

    def check(self) -> None:
        """Make sure that a check was made since this request arrived."""
        now = perf_counter()
        if now >= self._good_until:
            self._check()
            asyncio.get_running_loop().call_soon(self._end)
            self._good_until = now + _LONGEST_TURN

    def _end(self) -> None:
        self._good_until = 0.0
