"""The port through which a request's actor is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from changemaker_core.http.request import Request
    from changemaker_core.identity.actor import Actor
    from changemaker_core.plugin.types import Authenticator


class Identity:
    """Asks each authenticator in turn, lowest ``order`` first."""

    def __init__(self, authenticators: Iterable[Authenticator]) -> None:
        self._authenticators = tuple(sorted(authenticators, key=lambda a: (a.order, a.name)))

    async def find(self, request: Request) -> Actor | None:
        """The actor whose credential ``request`` carries; ``None`` when it carries none.

        Raises ``Unauthorized`` for a credential that is not good: it never falls back to another.
        """
        for authenticator in self._authenticators:
            actor = await authenticator.find(request)
            if actor is not None:
                return actor
        return None
