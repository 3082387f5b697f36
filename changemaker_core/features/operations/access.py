"""Who may see what is for operators: metrics, and the health of a site in detail."""

from __future__ import annotations

import hmac
import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from changemaker_core import Forbidden, Text
from changemaker_core.config.urls import is_public_host
from changemaker_core.http.heads.proxies import OF_PROXIES

if TYPE_CHECKING:
    from changemaker_core import Request, Site

#: The permission with which people and keys may see it, from anywhere.
PERMISSION: Final = "operations.health.read"
_PORT = re.compile(r":\d+$")


class OperatorAccess:
    """Lets in the networks of ``metrics_access``, whoever has ``metrics_token``, and people and
    keys with the permission.

    A proxy on this machine that the site does not know as one passes every visitor off as
    loopback: what may come from one is let in by the token or the permission alone.
    """

    def __init__(self, site: Site) -> None:
        config = site.config
        self._networks = [ipaddress.ip_network(each) for each in config.metrics_access]
        self._token = config.metrics_token
        # What ends TLS is a proxy, and the site has not been told of it.
        self._hidden_proxy = config.base_url.startswith("https:") and not config.trusted_proxies
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
        if b"x-forwarded-for" in req.raw_headers:
            return req.proxied
        if not _is_loopback(req.client_ip):
            return True
        host = _PORT.sub("", req.raw_headers.get(b"host", b"").decode("latin-1"))
        return not (
            self._hidden_proxy
            or not OF_PROXIES.isdisjoint(req.raw_headers)
            or req.scope.get("http_version") == "1.0"  # as nginx passes requests on by default
            or is_public_host(host)
        )

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


_CREDENTIALS = re.compile(r"(?<=://)[^\s/@]*@")


def without_credentials(text: str) -> str:
    """Return the text of an error on one line, without the passwords of URLs in it."""
    return _CREDENTIALS.sub("…@", " ".join(text.split()))
