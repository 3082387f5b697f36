"""Who sends a request, and whether they may: actor, permission, requests of other sites."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from changemaker_core.http.declarations import API
from changemaker_core.http.errors import Forbidden, NotFound, Unauthorized
from changemaker_core.identity.actor import ANY_OBJECT
from changemaker_core.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from changemaker_core.http.declarations import Authenticator, SignInConfirmation
    from changemaker_core.http.endpoint.declaration import FindObject
    from changemaker_core.http.request import Request
    from changemaker_core.identity import Actor


SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
#: Headers that may identify the visitor, whether or not an authenticator reads them.
CREDENTIALS = frozenset({b"authorization", b"x-api-key", b"signature"})
#: Headers that a browser adds to requests by itself, so that they prove no intention.
_OF_BROWSERS = frozenset({b"authorization", b"cookie", b"origin", b"referer", b"user-agent"})


class Authentication:
    """A site's authenticators, tried in turn: the lowest ``order`` first."""

    def __init__(self, authenticators: Iterable[Authenticator]) -> None:
        self.authenticators = tuple(sorted(authenticators, key=lambda a: (a.order, a.name)))
        self._readers = tuple(map(_Reader, self.authenticators))
        declared = frozenset(header for each in self._readers for header in each.headers)
        #: Headers with which a request is identified, and shares no cached response.
        self.credentials = CREDENTIALS | declared
        #: Headers that no page of another site can make a browser send.
        self.own_headers = (declared | {b"x-api-key"}) - _OF_BROWSERS
        #: The values of ``WWW-Authenticate`` in a 401.
        self.challenges = tuple(
            dict.fromkeys(each.challenge for each in self.authenticators if each.challenge)
        )

    def sign_in_address(self, path: str) -> str | None:
        """Return the address of the sign-in page that leads back to ``path``, if there is one."""
        offered = (each.sign_in for each in self.authenticators if each.sign_in is not None)
        sign_in = next(offered, None)
        return None if sign_in is None else sign_in(path)

    @property
    def confirmation(self) -> SignInConfirmation | None:
        """How a person proves once more who they are, if the site has a way."""
        offered = (each.confirm for each in self.authenticators if each.confirm is not None)
        return next(offered, None)

    async def find_actor(self, request: Request, *, required: bool) -> Actor | None:
        """Return the actor whose credential ``request`` carries; ``None`` when it carries none.

        An invalid credential never falls back to another. It raises ``Unauthorized`` where an actor
        is ``required`` or its authenticator is strict; else the visitor is anonymous.
        """
        for reader in self._readers:
            # An authenticator is asked only where a credential that it declares is there: one that
            # it reads without declaring it could be shared by a cached response.
            if not reader.has_credential(request):
                continue
            try:
                actor = await reader.authenticator.find(request)
            except Unauthorized:
                if required or reader.authenticator.strict:
                    raise
                # A public page stays open to those whose session ended: they may want to sign in.
                return None
            if actor is not None:
                return actor
        return None


class _Reader:
    """An authenticator, with the names that it reads as they are in a request."""

    __slots__ = ("authenticator", "cookies", "headers")

    def __init__(self, authenticator: Authenticator) -> None:
        self.authenticator = authenticator
        self.headers = frozenset(name.lower().encode() for name in authenticator.headers)
        self.cookies = frozenset(authenticator.cookies)

    def has_credential(self, request: Request) -> bool:
        """Return whether a header or cookie is there that the authenticator reads."""
        if not self.headers.isdisjoint(request.raw_headers):
            return True
        return bool(self.cookies) and not self.cookies.isdisjoint(request.cookies)


async def authorise(
    req: Request,
    permission: str | None,
    on: str | FindObject | None = None,
    params: dict[str, Any] | None = None,
) -> None:
    """Set ``req.actor``, and require ``permission`` where it is not ``None``.

    With ``on``, a parameter among ``params`` or a function of them, it is enough to hold it for
    that object; with ``"*"``, for any. Raises ``Unauthorized`` where an actor is required and there
    is none; where the permission is lacking, ``Forbidden``, or ``NotFound`` with ``on``.
    """
    req.actor = await req.site.authentication.find_actor(req, required=permission is not None)
    if permission is None:
        return
    if req.actor is None:
        raise Unauthorized
    if req.actor.has_permission(permission):
        return
    if req.held_back is not None:
        raise req.held_back
    if on is None or (on == ANY_OBJECT and not req.actor.objects(permission)):
        raise Forbidden(Text("This action requires the permission {name}.", name=permission))
    if on == ANY_OBJECT:
        return
    params = params or {}
    target = params[on] if isinstance(on, str) else await on(req, **params)
    # Whether the object exists is not for those to know who have no right to it.
    if target is None or not req.actor.has_permission(permission, on=str(target)):
        raise NotFound


def refuse_cross_site(req: Request) -> None:
    """Raise ``Forbidden`` for a request that a page of another site made a browser send (CSRF).

    A request with a token in a header cannot be forged. Else the browser's Sec-Fetch-Site decides,
    or Origin where the browser is too old for that. Without either it is not a browser's.
    """
    if _has_own_token(req) or _is_from_named_origin(req):
        return
    site = req.get_header("Sec-Fetch-Site")
    if site is not None:
        foreign = site not in ("same-origin", "none")
    else:
        origin = req.get_header("Origin")
        foreign = origin is not None and origin not in _own_origins(req)
    if foreign:
        raise Forbidden(
            Text(
                "This form was sent from another site. Open {address} and send it there.",
                address=req.site.config.base_url,
            ),
            code="cross_site_request",
        )


def is_same_origin(req: Request) -> bool:
    """Return whether the browser says that a page of this site sent the request."""
    site = req.get_header("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    return req.get_header("Origin") in _own_origins(req)


def _has_own_token(req: Request) -> bool:
    # Not just any Authorization: browsers add "Basic" to other sites' forms by themselves.
    scheme = (req.get_header("Authorization") or "").partition(" ")[0]
    if scheme.lower() == "bearer":
        return True
    return not req.site.authentication.own_headers.isdisjoint(req.raw_headers)


def _is_from_named_origin(req: Request) -> bool:
    """Return whether the operator lets this page's origin send what the request has with it."""
    if not req.path.startswith(API):
        return False
    config, cookies = req.site.config, b"cookie" in req.raw_headers
    return req.get_header("Origin") in (config.cors_credentials if cookies else config.cors_origins)


def _own_origins(req: Request) -> set[str]:
    """Return the origin of ``base_url``; and the request's own, where its host is this machine or
    an IP address. Any other name in ``Host`` may be somebody else's, whose DNS leads here."""
    base = urlsplit(req.site.config.base_url)
    origins = {f"{base.scheme}://{base.netloc}"}
    if not _is_rebindable(urlsplit(f"//{req.netloc}").hostname or ""):
        origins.add(f"{req.scheme}://{req.netloc}")
    return origins


def _is_rebindable(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False
