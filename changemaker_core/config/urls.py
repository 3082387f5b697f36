"""What the URLs of a configuration have in common: their grammar, and a hint for passwords."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

import idna

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_DEFAULT_PORTS = {"http": 80, "https": 443}
#: What ends the part of a URL with user and password, if it is not percent-encoded.
_ENDS = re.compile(r"[#/?]")
#: Top-level domains of networks that are not the internet.
_OWN_DOMAINS = frozenset({"localhost", "local", "lan", "internal", "test", "example", "invalid"})


def parse_url(value: str) -> SplitResult | None:
    """Return the parts of a URL, None if it is malformed. Port 0 is."""
    try:
        parts = urlsplit(value)
        if parts.port == 0:
            return None
    except ValueError:
        return None
    return None if CONTROL.search(value) or " " in value else parts


def origin_of(value: str) -> str | None:
    """Return the origin of an http address as browsers write it; ``None`` for anything else.

    >>> origin_of("HTTPS://Www.Example.org:443/about")
    'https://www.example.org'
    """
    parts = parse_url(value)
    if parts is None or parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return None
    host = parts.hostname
    try:
        host = f"[{ipaddress.IPv6Address(host)}]"
    except ValueError:
        try:
            host = idna.encode(host, uts46=True).decode()
        except idna.IDNAError:
            return None
    port = "" if parts.port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def password_hint(value: str) -> str:
    """Return a sentence for URLs that look as if a password broke them, without a part of it.

    ``smtp://user:pa#ss@host`` has the host ``user``, the port ``pa`` and a fragment, for a parser.
    """
    _, found, rest = value.partition("://")
    if not found or "@" not in rest or ":" not in rest:
        return ""
    credentials = rest.rpartition("@")[0]
    unusual = _ENDS.search(credentials) or re.search(r"[\[\]@\s]", credentials)
    wrong_escape = re.search(r"%(?![0-9A-Fa-f]{2})", credentials)
    if not unusual and not wrong_escape:
        return ""
    return (
        " A password with special characters must be percent-encoded: "
        "# is %23, / is %2F, : is %3A, ? is %3F, @ is %40, % is %25."
    )


def is_this_machine(url: str) -> bool:
    """Return whether a URL names the machine itself: a loopback address, or ``localhost``."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_public_host(host: str) -> bool:
    """Return whether a host of ``base_url`` is one that others reach over the internet.

    Addresses of private networks are not, nor names of this machine or of a network of its own
    (``localhost``, ``box.local``, ``web``).
    """
    try:
        return ipaddress.ip_address(host.strip("[]")).is_global
    except ValueError:
        labels = host.rstrip(".").lower().split(".")
        return len(labels) > 1 and labels[-1] not in _OWN_DOMAINS
