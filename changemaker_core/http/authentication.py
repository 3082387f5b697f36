"""Who sends a request, and whether they may: actor, permission, requests of other sites."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from changemaker_core.http.errors import Forbidden, Unauthorized
from changemaker_core.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from changemaker_core.http.declarations import Authenticator
    from changemaker_core.http.request import Request
    from changemaker_core.identity import Actor


SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


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


async def authorise(req: Request, permission: str | None) -> None:
    """Set ``req.actor``, and require ``permission`` where it is not ``None``.

    Raises ``Unauthorized`` where an actor is required and there is none, else ``Forbidden``.
    """
    try:
        req.actor = await req.site.authentication.find_actor(req)
    except Unauthorized:
        if permission is not None:
            raise
        # A public page stays open to a visitor whose session has ended: they may want to sign in.
        return
    if permission is None:
        return
    if req.actor is None:
        raise Unauthorized
    if not req.actor.has_permission(permission):
        raise Forbidden(Text("This action requires the permission {name}.", name=permission))


def refuse_cross_site(req: Request) -> None:
    """Raise ``Forbidden`` for a request that a page of another site made a browser send (CSRF).

    A request with a token in a header cannot be forged. Else the browser's Sec-Fetch-Site decides,
    or Origin where the browser is too old for that. Without either it is not a browser's.
    """
    if _has_own_token(req):
        return
    site = req.get_header("Sec-Fetch-Site")
    if site is not None:
        foreign = site not in ("same-origin", "none")
    else:
        origin = req.get_header("Origin")
        foreign = origin is not None and origin not in _own_origins(req)
    if foreign:
        raise Forbidden(Text("This form was sent from another site."), code="cross_site_request")


def _has_own_token(req: Request) -> bool:
    # Not just any Authorization: browsers add "Basic" to other sites' forms by themselves.
    scheme = (req.get_header("Authorization") or "").partition(" ")[0]
    return scheme.lower() == "bearer" or req.get_header("X-Api-Key") is not None


def _own_origins(req: Request) -> set[str]:
    base = urlsplit(req.site.config.base_url)
    return {f"{req.scheme}://{req.netloc}", f"{base.scheme}://{base.netloc}"}
