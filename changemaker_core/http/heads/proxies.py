"""The visitor's address, scheme and host, as trusted proxies forward them."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: The peer of a Unix socket, which has no address: a proxy on this machine.
LOCAL = "127.0.0.1"
_MAPPED = "::ffff:"
#: What nginx writes for a peer that reached it by a Unix socket: a proxy on its own machine.
_UNIX_SOCKET = "unix:"
#: Headers that proxies add.
OF_PROXIES = frozenset({b"forwarded", b"via", b"x-forwarded-for", b"x-real-ip"})
#: Addresses of one header that are read; more were not written by proxies.
_MAX_HOPS = 20
_HOST = re.compile(rb"[A-Za-z0-9.-]{1,253}(?::\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::\d{1,5})?")


class Proxies:
    """The proxies that the operator trusts, as networks (``10.0.0.0/8``).

    Without any, forwarding headers are ignored: a visitor could have written them.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [ipaddress.ip_network(each, strict=False) for each in networks]
        #: Whether an address is that of a trusted proxy.
        self.trusts = lru_cache(maxsize=10_000)(self._look_up)

    def origin(self, scope: dict[str, Any]) -> tuple[str, bool]:
        """Return the visitor's address, and whether a trusted proxy sent the request."""
        client = scope.get("client")
        peer: str = client[0] if client else LOCAL
        if peer.startswith(_MAPPED):
            # So a socket for both protocols names IPv4 peers; as IPv6 all would be of one network.
            peer = _normal(peer) or peer
        if not self._networks or not self.trusts(peer):
            return peer, False
        return self._visitor(peer, all_values(scope, b"x-forwarded-for")), True

    def _visitor(self, peer: str, forwarded: Sequence[bytes]) -> str:
        """Walk from our own proxy outwards to the first address that is not a trusted proxy.

        The walk ends before what is no address: the visitor is then unknown, and has the address
        of a trusted proxy.
        """
        hops = b",".join(forwarded).decode("latin-1").split(",")[-_MAX_HOPS:]
        nearest = peer
        for hop in reversed(hops):
            if hop.strip() == _UNIX_SOCKET:
                continue
            address = _normal(hop)
            if address is None:
                return nearest
            if not self.trusts(address):
                return address
            nearest = address
        return nearest

    def _look_up(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(_normal(address) or address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)


def all_values(scope: dict[str, Any], name: bytes) -> list[bytes]:
    """Return every value of a header that may be repeated."""
    return [value for each, value in scope["headers"] if each == name]


def _normal(written: str) -> str | None:
    """Return an address as Python writes it, IPv4 within IPv6 as IPv4; ``None`` if it is none."""
    bare = written.strip().removeprefix("[")
    try:
        parsed = ipaddress.ip_address(bare.partition("]")[0])
    except ValueError:
        # Some proxies add the port: 192.0.2.1:51234
        host, _, port = bare.partition(":")
        return _normal(host) if port.isdigit() else None
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or parsed)


def forwarded_values(scope: dict[str, Any]) -> dict[str, Any]:
    """Return ``scheme`` and ``headers`` of the scope as the visitor sees them."""
    changes: dict[str, Any] = {}
    for proto in all_values(scope, b"x-forwarded-proto")[-1:]:
        scheme = proto.rpartition(b",")[2].strip().lower()
        if scheme in (b"http", b"https"):
            changes["scheme"] = scheme.decode()
    for value in all_values(scope, b"x-forwarded-host")[-1:]:
        host = value.rpartition(b",")[2].strip()
        if _HOST.fullmatch(host):
            others = [pair for pair in scope["headers"] if pair[0] != b"host"]
            changes["headers"] = [(b"host", host), *others]
    return changes
