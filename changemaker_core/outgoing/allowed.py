"""Servers in networks of the operator's own, which ``public_only`` lets through."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final, TypeAlias

from changemaker_core.outgoing.addresses import is_public

if TYPE_CHECKING:
    from collections.abc import Iterable

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_LABEL: Final = r"[a-z0-9_]([a-z0-9_-]*[a-z0-9])?"
_NAME: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*")


class AllowedServers:
    """The hosts and networks that an operator allows: ``["crm.lan", "10.20.0.0/24"]``.

    A name allows whatever address it has: only a name that the operator controls belongs here. An
    address or a network allows every name that has such an address. Raises ``ValueError`` for an
    entry that is neither, or a network written with bits beyond its prefix.
    """

    def __init__(self, entries: Iterable[str] = ()) -> None:
        hosts: set[str] = set()
        networks: list[Network] = []
        for entry in entries:
            if (network := _network(entry)) is not None:
                networks.append(network)
            else:
                hosts.add(_host(entry))
        self._hosts = frozenset(hosts)
        self._networks = tuple(networks)

    def has_host(self, host: str) -> bool:
        """Return whether a host is allowed by its name, or by the address that it is written as."""
        name = host.strip("[]").lower().removesuffix(".")
        if name in self._hosts:
            return True
        try:
            return self.has_address(name)
        except ValueError:  # a name
            return False

    def has_address(self, address: str) -> bool:
        """Return whether an IP address is allowed."""
        ip = ipaddress.ip_address(address)
        mapped = getattr(ip, "ipv4_mapped", None)
        return any((mapped or ip) in network for network in self._networks)

    def forbidden(self, host: str, addresses: Iterable[str]) -> str | None:
        """Return the first of a host's addresses that is neither public nor allowed."""
        if self.has_host(host):
            return None
        return next((a for a in addresses if not (is_public(a) or self.has_address(a))), None)


def _network(entry: str) -> Network | None:
    """Return the network that an entry is, or the one address; ``None`` for a name."""
    text = entry.strip("[]")
    try:
        ipaddress.ip_address(text.partition("/")[0])
    except ValueError:
        return None
    return ipaddress.ip_network(text)


def _host(entry: str) -> str:
    name = entry.lower().removesuffix(".")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{entry!r} is neither the name of a host (crm.lan), nor an address (10.20.0.7), nor"
            " a network (10.20.0.0/24); write it without scheme and port"
        )
    return name
