"""Which IP addresses are public, and the look-up of names on threads of its own.

The tables follow IANA's registries of special-purpose addresses (RFC 6890 and its updates).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
import time
from typing import TYPE_CHECKING

from changemaker_core.outgoing.errors import NotPublic

if TYPE_CHECKING:
    from collections.abc import Iterable

_SPECIAL_V4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",  # this host: Linux connects 0.0.0.0 to itself
            "10.0.0.0/8",
            "100.64.0.0/10",  # behind a provider's NAT, and a cloud's metadata
            "127.0.0.0/8",
            "168.63.129.16/32",  # Azure's host, reachable from its machines only
            "169.254.0.0/16",  # link-local, and the metadata of most clouds
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
#: All unicast addresses that IANA has given out; ULA, link-local and multicast lie outside.
_UNICAST_V6 = ipaddress.IPv6Network("2000::/3")
_SPECIAL_V6 = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # protocol assignments, among them Teredo, which contains an IPv4 address
            "2001:db8::/32",
            "2002::/16",  # 6to4, which contains an IPv4 address
            "2620:4f:8000::/48",
            "3fff::/20",
        ),
    )
)
#: Networks with IPv6 alone reach servers with IPv4 alone at such an address.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

#: Name look-ups that may run at once. They cannot be stopped; a server for names that hangs must
#: not collect threads without a bound.
MAX_LOOKUPS = 32
_lookups = threading.BoundedSemaphore(MAX_LOOKUPS)


def is_public(address: str) -> bool:
    """Return whether an IP address is one that the whole internet can reach.

    Private, shared, link-local and reserved addresses are not, nor those with a zone
    (``fe80::1%eth0``), nor those that contain such an IPv4 address.
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _SPECIAL_V4)
    if ip.scope_id is not None:
        return False
    if (mapped := ip.ipv4_mapped) is not None:
        return is_public(str(mapped))
    if ip in _NAT64:
        return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)))
    return ip in _UNICAST_V6 and not any(ip in network for network in _SPECIAL_V6)


def not_public(addresses: Iterable[str]) -> str | None:
    """Return the first address that is not public; None if all are."""
    return next((address for address in addresses if not is_public(address)), None)


async def resolve(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host, in the system's order. Raise ``OSError`` if it has none.

    NOTE(threads): the system's look-up blocks, and takes half a minute where name servers are
    silent. asyncio runs it on the threads that everything else shares, and waits for it at exit.
    """
    with contextlib.suppress(ValueError):  # a name
        return [str(ipaddress.ip_address(host))]
    if not _lookups.acquire(blocking=False):
        raise OSError(f"{MAX_LOOKUPS} name look-ups are already waiting for an answer")
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[str]] = loop.create_future()

    def settle(addresses: list[str], error: OSError | None) -> None:
        if not found.done():  # by then the request may be over
            found.set_exception(error) if error else found.set_result(addresses)

    def look_up() -> None:
        try:
            outcome: tuple[list[str], OSError | None] = _addresses(host, port), None
        except OSError as error:
            outcome = [], error
        finally:
            _lookups.release()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, *outcome)

    try:
        threading.Thread(target=look_up, name="name look-up", daemon=True).start()
    except RuntimeError as error:
        _lookups.release()
        raise OSError(f"no thread for the name look-up: {error}") from error
    return await found


def resolve_now(host: str) -> list[str]:
    """Return the IP addresses of a host. It blocks; raises ``OSError`` if there are none."""
    return _addresses(host, 0)


def connect(host: str, port: int, seconds: float, *, public_only: bool) -> socket.socket:
    """Return a connection to the first address of a host that accepts one.

    For libraries that block. With ``public_only`` each address must be public, and those that were
    checked are the ones connected to. All attempts together take ``seconds`` at most. Raises
    ``NotPublic`` and ``OSError``; where the name was not found, ``socket.gaierror``.
    """
    addresses = _addresses(host, port)
    if public_only and (forbidden := not_public(addresses)):
        raise NotPublic(f"{host} has the address {forbidden}, which is not public")
    last: OSError | None = None
    deadline = time.monotonic() + seconds
    for address in addresses:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            connection = socket.create_connection((address, port), left)
            connection.settimeout(seconds)
            return connection
        except OSError as error:
            last = last or error
    raise last or OSError(f"{host} has no address")


def _addresses(host: str, port: int) -> list[str]:
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label that is empty or too long
        raise OSError(f"{host!r} is not the name of a host") from error
    return list(dict.fromkeys(str(info[4][0]) for info in infos))
