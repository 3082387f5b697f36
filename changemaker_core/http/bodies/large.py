"""Large bodies are decoded on a thread of their own, so that other visitors do not wait for that.

What is wrong with a body of a megabyte can take a second to find: a form of percent signs, a list
of 300,000 lists. In the event loop, nobody else would be served meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from changemaker_core.http.errors import TooManyRequests, Unavailable
from changemaker_core.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Bytes that are decoded in the event loop: at worst, that takes some ten milliseconds.
SMALL: Final = 16_384
#: Large bodies that wait or are being decoded, and how many of them are one visitor's.
PLACES: Final = 16
SHARE: Final = 2
_RETRY_SECONDS: Final = 2

P = ParamSpec("P")
R = TypeVar("R")

#: One thread: several would only take turns with each other, and with the event loop.
_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="large bodies")
_taken: Counter[str] = Counter()


async def decoded(
    size: int, visitor: str, func: Callable[P, R], *args: P.args, **kwargs: P.kwargs
) -> R:
    """Return ``func(*args, **kwargs)``, called on the thread where ``size`` bytes are many.

    Raises ``TooManyRequests`` where ``visitor`` has large bodies there already, and
    ``Unavailable`` where too many wait.
    """
    if size <= SMALL:
        return func(*args, **kwargs)
    with _place(visitor):
        run = contextvars.copy_context().run
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(_thread, lambda: run(func, *args, **kwargs))


@contextlib.contextmanager
def _place(visitor: str) -> Iterator[None]:
    if _taken[visitor] >= SHARE:
        raise TooManyRequests(_RETRY_SECONDS)
    if _taken.total() >= PLACES:
        raise Unavailable(
            Text("Too much is being sent at the moment. Try again in a few seconds."),
            code="busy",
            headers=[("Retry-After", str(_RETRY_SECONDS))],
        )
    _taken[visitor] += 1
    try:
        yield
    finally:
        _taken[visitor] -= 1
        if not _taken[visitor]:
            del _taken[visitor]
