"""The addresses of a mail server that organisers name: all of them must be public."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from changemaker_core.outgoing.addresses import not_public, resolve, resolve_now

#: Seconds for a look-up: a request waits for it.
LOOK_UP_SECONDS: Final = 5


async def private_address(host: str) -> str | None:
    """Return an address of a host that is not public; ``None`` where there is none.

    That of a name that is not found now is unknown: each connection looks at the addresses that
    there are then.
    """
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(LOOK_UP_SECONDS):
            return not_public(await resolve(host, 0))
    return None


def private_address_now(host: str) -> str | None:
    """Return the same as ``private_address``. It blocks for the look-up."""
    with contextlib.suppress(OSError):
        return not_public(resolve_now(host))
    return None
