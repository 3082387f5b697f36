"""The request and the response that responders get."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import falcon.asgi

from changemaker_core.limits.memory import visitor

if TYPE_CHECKING:
    from changemaker_core.identity.actor import Actor
    from changemaker_core.site import Site

#: Where the edge leaves its knowledge of a request in the ASGI scope.
SCOPE_KEY = "changemaker"

Response = falcon.asgi.Response


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One request and its answer, as the edge and the endpoint both see it."""

    site: Site
    request_id: str
    client_ip: str
    locale: str
    #: The largest body that may be read, in bytes.
    body_limit: int
    #: Whether the request carries anything that says who is asking.
    has_credentials: bool = False
    actor: Actor | None = None
    #: Path template of the route that answers: the only form of a path that is counted or logged.
    route: str = ""
    #: What the router found for the path: Falcon need not look again.
    found: Any = None
    #: The client went away before its body was complete.
    disconnected: bool = False
    #: Headers that the endpoint wants on the answer, whatever it turns out to be.
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)


class Request(falcon.asgi.Request):
    """Falcon's request, with what the edge found out about it."""

    @property
    def exchange(self) -> Exchange:
        """What the edge and the endpoint share about this request."""
        exchange: Exchange = self.scope[SCOPE_KEY]
        return exchange

    @property
    def site(self) -> Site:
        """The site that answers."""
        return self.exchange.site

    @property
    def request_id(self) -> str:
        """Unique; in the answer's ``X-Request-ID``, in logs and in problems."""
        return self.exchange.request_id

    @property
    def client_ip(self) -> str:
        """The visitor's address, seen through trusted proxies only."""
        return self.exchange.client_ip

    @property
    def visitor(self) -> str:
        """Whom limits count: the address, or an IPv6 address's whole /64, which is one host's."""
        return visitor(self.exchange.client_ip)

    @property
    def locale(self) -> str:
        """The language to answer in, such as ``en`` or ``fr``."""
        return self.exchange.locale

    @property
    def actor(self) -> Actor | None:
        """Who is asking; ``None`` is an anonymous visitor."""
        return self.exchange.actor

    @property
    def root_path(self) -> str:
        """The prefix below which the site is mounted; ``""`` at the root."""
        prefix: str = self.scope.get("root_path", "")
        return prefix

    def __repr__(self) -> str:
        context: dict[str, Any] = {"method": self.method, "path": self.path}
        return f"<Request {context}>"
