"""Finding the actor of a request, by the credentials that it carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from changemaker_core.http.declarations import Authenticator
    from changemaker_core.http.request import Request
    from changemaker_core.identity import Actor


class Authentication:
    """A site's authenticators, tried in turn: the lowest ``order`` first."""

    def __init__(self, authenticators: Iterable[Authenticator]) -> None:
        self._authenticators = tuple(sorted(authenticators, key=lambda a: (a.order, a.name)))

    async def find_actor(self, request: Request) -> Actor | None:
        """Return the actor whose credential ``request`` carries; ``None`` when it carries none.

        Raises ``Unauthorized`` for an invalid credential: it never falls back to another.
        """
        for authenticator in self._authenticators:
            actor = await authenticator.find(request)
            if actor is not None:
                return actor
        return None
