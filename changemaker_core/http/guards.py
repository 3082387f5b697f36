"""What stands before a responder: limits, other sites' forms, permission."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from changemaker_core.http.errors import Forbidden, TooManyRequests, Unauthorized
from changemaker_core.text import Text

if TYPE_CHECKING:
    from changemaker_core.http.request import Request
    from changemaker_core.limits.memory import MemoryWindow

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def limit(req: Request, window: MemoryWindow, name: str) -> None:
    """Count this request; raises ``TooManyRequests`` when it is one too many."""
    standing = window.take(req.visitor)
    req.extra_headers.extend(standing.headers(name))
    if standing.exceeded:
        raise TooManyRequests(standing.wait)


async def authorise(req: Request, permission: str | None) -> None:
    """Find out who asks and whether they may; ``None`` asks for no permission.

    Raises ``Unauthorized`` or ``Forbidden``.
    """
    try:
        req.actor = await req.site.authentication.find_actor(req)
    except Unauthorized:
        if permission is not None:
            raise
        # A public page stays open to somebody whose session has ended: they may want to sign in.
        return
    if permission is None:
        return
    if req.actor is None:
        raise Unauthorized
    if not req.actor.has_permission(permission):
        raise Forbidden(Text("This needs the permission {name}.", name=permission))


def refuse_foreign_sites(req: Request) -> None:
    """Refuse what a browser sends here because a page of another site told it to.

    A request with its own token in a header cannot be forged. Else the browser's Sec-Fetch-Site
    decides, or, where it is too old for that, Origin. Without either it is not a browser's.
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
