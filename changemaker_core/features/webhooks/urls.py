"""The URLs of endpoints: which are stored, whatever their host means at the moment."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from changemaker_core import Text

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from changemaker_core.outgoing import AllowedServers

LONGEST: Final = 2_000
#: What cannot be understood in two ways: no space, no control character, no backslash, no text that
#: one program encodes and another does not.
_PLAIN: Final = re.compile(r"[!-\[\]-~]+")
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?")
#: A host, or an IPv6 address in brackets, and a port: nothing is left over behind a bracket.
_PLACE: Final = re.compile(r"(\[[^\[\]]+\]|[^\[\]:]+)(:[0-9]*)?")
_HTTPS_PORT: Final = 443
#: Ports below are those of other services.
_FIRST_FREE_PORT: Final = 1024


class URLRefused(ValueError):
    """The URL is not one that webhooks are sent to; the text tells a person why."""


def check_url(url: str, allowed: AllowedServers) -> None:
    """Raise ``URLRefused`` unless webhooks may be sent to a URL of this form.

    Which addresses its host has is checked when it is stored, and again at each connection.
    """
    parts = _parts(url)
    host = parts.hostname or ""
    if parts.username is not None or parts.password is not None:
        raise URLRefused(Text("Leave out the user name and the password."))
    if "#" in url:
        raise URLRefused(Text("Leave out what begins with #: it is never sent."))
    if not _PLACE.fullmatch(parts.netloc):
        raise _no_host(parts.netloc)
    _check_host(host)
    if allowed.has_host(host):
        return
    if parts.scheme != "https":
        raise URLRefused(
            Text(
                "The address must begin with https://, unless the operator has allowed the host"
                " with webhooks.allow."
            )
        )
    port = parts.port if parts.port is not None else _HTTPS_PORT
    if port != _HTTPS_PORT and port < _FIRST_FREE_PORT:
        raise URLRefused(Text("Use port 443, or one from 1024 on."))


def server_of(url: str) -> str:
    """Return the server of a URL, for mails, logs and lists: the rest may be a secret of its
    receiver's, as it is with chat programs.

    >>> server_of("https://chat.example.org/hooks/T0/B0/XyZ")
    'https://chat.example.org'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _parts(url: str) -> SplitResult:
    malformed = URLRefused(Text("Enter an address such as https://example.org/webhooks."))
    if len(url) > LONGEST:
        raise URLRefused(Text("The address has more than {most} characters.", most=LONGEST))
    if not _PLAIN.fullmatch(url):
        raise URLRefused(
            Text("Write special characters of the address percent-encoded, and its host in ASCII.")
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise malformed from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise malformed
    return parts


def _check_host(host: str) -> None:
    """Raise ``URLRefused`` for what some programs read as another address than others do."""
    if ":" in host:
        try:
            zone = ipaddress.IPv6Address(host).scope_id
        except ValueError:
            raise _no_host(host) from None
        if zone is not None:
            raise URLRefused(Text("An address with a zone is only known on one machine."))
        return
    if not _HOST.fullmatch(host) or ".." in host:
        raise _no_host(host)
    last = host.removesuffix(".").rpartition(".")[2]
    if last.isdecimal() or last.lower().startswith("0x"):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            raise URLRefused(
                Text("Write the address of the host as four decimal numbers, or use its name.")
            ) from None


def _no_host(host: str) -> URLRefused:
    return URLRefused(Text("{host} is not the name of a host.", host=host))
