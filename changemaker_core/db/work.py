"""One call that runs on a database's own thread, and how its result comes back to the caller."""

from __future__ import annotations

import concurrent.futures
import inspect
import logging
from contextvars import copy_context
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from changemaker_core.db.context import Unit, current_unit
from changemaker_core.db.errors import as_mistake
from changemaker_core.db.tracking import NOTHING, Tags, merge

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

logger = logging.getLogger(__name__)


class Work:
    """One call, to be run on a database's thread in a copy of its caller's context variables.

    ``loop`` is the event loop that awaits the result; None for a caller that blocks. ``names`` is
    the function whose name it has in the log; None for a single statement, which has its own.
    """

    __slots__ = (
        "_call",
        "_context",
        "_names",
        "error",
        "future",
        "loop",
        "unit",
        "value",
        "whole",
        "writes",
    )

    def __init__(
        self,
        call: Callable[[Unit], Any],
        loop: asyncio.AbstractEventLoop | None,
        *,
        whole: bool = True,
        writes: bool = False,
        names: Callable[..., Any] | None = None,
    ) -> None:
        self._call = call
        self._names = names
        self._context = copy_context()
        self.loop = loop
        #: Whether it needs a transaction of its own; a single statement does not.
        self.whole = whole
        #: Whether it is a write; anything else runs where it cannot write.
        self.writes = writes
        self.future: Any = concurrent.futures.Future() if loop is None else loop.create_future()
        self.unit: Unit | None = None
        self.value: Any = None
        self.error: BaseException | None = None

    @property
    def abandoned(self) -> bool:
        """Whether the caller was cancelled: work that has not begun does not begin any more."""
        return bool(self.future.cancelled())

    @property
    def written(self) -> Tags:
        """What it wrote; nothing where it failed."""
        if self.unit is None or self.error is not None or not self.writes:
            return NOTHING
        return self.unit.written

    def run(self, unit: Unit) -> None:
        """Run the call in ``unit``, and store its result or its exception."""
        self.unit, self.error = unit, None
        began = perf_counter()
        try:
            self._context.run(current_unit.set, unit)
            self.value = value = self._context.run(self._call, unit)
            if hasattr(type(value), "__await__"):
                if inspect.iscoroutine(value):
                    value.close()
                raise TypeError(
                    "db.read() and db.write() take a plain function: a transaction is never held"
                    " across an await"
                )
        except BaseException as error:
            self.value, self.error = None, error if self.writes else as_mistake(error)
        if self._names is not None and (seconds := perf_counter() - began) > unit.slow.seconds:
            self._context.run(unit.ended, seconds, _name_of(self._names))

    def settle(self) -> None:
        """Hand the result to the caller, in the thread that may touch the future."""
        for callback in self.unit.after if self.unit is not None and self.error is None else ():
            try:
                callback()
            except Exception:
                # The write is committed, and other callers wait for their results behind it.
                logger.exception("a callback after a commit failed")
        if self.future.cancelled():
            return
        if isinstance(self.error, StopIteration):  # a future cannot carry it
            self.future.set_exception(RuntimeError("the function raised StopIteration"))
        elif self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.value)


def _name_of(function: Any) -> str:
    while isinstance(function, partial):
        function = function.func
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{function.__module__}.{name}"


def release(works: Iterable[Work], notify: Callable[[Tags], None]) -> None:
    """Notify of what was written, then hand over results, in the thread of each event loop.

    A loop is woken once for all of its work. A caller that blocks notifies by itself.
    """
    by_loop: dict[asyncio.AbstractEventLoop, list[Work]] = {}
    for work in works:
        if work.loop is None:
            work.settle()
        else:
            by_loop.setdefault(work.loop, []).append(work)
    for loop, group in by_loop.items():
        written = merge(work.written for work in group)
        try:
            loop.call_soon_threadsafe(_settle, group, written, notify)
        except RuntimeError:  # the loop was closed meanwhile; what was written was written
            logger.debug("an event loop was closed before its database call returned")
            if written != NOTHING:
                notify(written)


def _settle(works: list[Work], written: Tags, notify: Callable[[Tags], None]) -> None:
    if written != NOTHING:
        notify(written)
    for work in works:
        work.settle()
