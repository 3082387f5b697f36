"""Who may see what is for operators: metrics, and the health of a site in detail."""

from __future__ import annotations

import hmac
import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from changemaker_core import Forbidden, Text
from changemaker_core.config.urls import is_public_host, is_this_machine
from changemaker_core.http.heads.proxies import OF_PROXIES, Proxies

if TYPE_CHECKING:
    from changemaker_core import Request, Site

#: The permission with which people and keys may see it, from anywhere.
PERMISSION: Final = "operations.health.read"
_PORT = re.compile(r":\d+$")


class OperatorAccess:
    """Lets in the networks of ``metrics_access``, whoever has ``metrics_token``, and people and
    keys with the permission.

    An address counts only where it is certainly the sender's. What may come from a proxy that the
    site does not know, or that does not say for whom it asks, is let in by the token or the
    permission alone.
    """

    def __init__(self, site: Site) -> None:
        config = site.config
        self._networks = [ipaddress.ip_network(each) for each in config.metrics_access]
        self._token = config.metrics_token
        self._proxies = Proxies(config.trusted_proxies)
        # NOTE(hidden): whoever opens such an address reaches the site through something that the
        # site has not been told of, and that may add nothing to a request (nginx 1.29.7).
        self._hidden_proxy = not config.trusted_proxies and not is_this_machine(config.base_url)
        self._includes = lru_cache(maxsize=1_000)(self._look_up)

    def allows(self, req: Request) -> bool:
        """Return whether the sender of a request may see what is for operators."""
        if req.actor is not None and req.actor.has_permission(PERMISSION):
            return True
        return self._has_token(req) or (self._is_certain(req) and self._includes(req.client_ip))

    def require(self, req: Request) -> None:
        """Raise ``Forbidden`` for anybody else."""
        if not self.allows(req):
            raise Forbidden(
                Text("This is for the operators of the site: see metrics_access and metrics_token.")
            )

    def _has_token(self, req: Request) -> bool:
        if self._token is None:
            return False
        scheme, _, sent = req.raw_headers.get(b"authorization", b"").partition(b" ")
        wanted = self._token.reveal().encode()
        return scheme.lower() == b"bearer" and hmac.compare_digest(sent.strip(), wanted)

    def _is_certain(self, req: Request) -> bool:
        """Return whether the address of a request is that of the one who sent it."""
        loopback = _is_loopback(req.client_ip)
        if req.proxied:
            # The proxy's own address: it has forwarded none, or nothing that is an address.
            return not loopback and not self._proxies.trusts(req.client_ip)
        if not OF_PROXIES.isdisjoint(req.raw_headers):
            return False
        if req.scope.get("http_version") == "1.0":  # as nginx passed requests on until 1.29.7
            return False
        if not loopback:
            return True
        host = _PORT.sub("", req.raw_headers.get(b"host", b"").decode("latin-1"))
        return not (self._hidden_proxy or is_public_host(host))

    def _look_up(self, client: str) -> bool:
        try:
            address = ipaddress.ip_address(client)
        except ValueError:
            return False  # the name of a test's client
        return any(address in network for network in self._networks)


def _is_loopback(client: str) -> bool:
    try:
        return ipaddress.ip_address(client).is_loopback
    except ValueError:
        return False
