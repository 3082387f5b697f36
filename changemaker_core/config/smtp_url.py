"""URLs of mail servers: what ``smtp_url`` may be, as a typed value."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import unquote, urlsplit

from changemaker_core.config.email_address import ascii_domain
from changemaker_core.config.secret import Secret

Security = Literal["tls", "required", "offered", "never"]

#: What an SMTP URL may look like.
ALLOWED = "smtp://[user:password@]host:port[?starttls=required|offered|never] or smtps://…"
_STARTTLS = re.compile(r"(?:starttls=(required|offered|never))?")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]")


def is_host(text: str) -> bool:
    """Return whether ``text`` is the name or IP address of a server, without a port.

    >>> is_host("smtp.example.org"), is_host("fe80::1%eth0"), is_host("smtp.example.org:587")
    (True, True, False)
    """
    with contextlib.suppress(ValueError):  # a name and not an address
        return bool(ipaddress.ip_address(text))
    return _HOST.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpUrl:
    """The mail server to send through, and how to connect to it.

    ``security``: ``tls`` from the first byte, or STARTTLS ``required``, used where ``offered``, or
    ``never`` used. Certificates are always verified.
    """

    host: str
    port: int
    security: Security = "offered"
    user: str | None = None
    password: Secret = Secret("")  # noqa: RUF009  # it does not change

    @classmethod
    def parse(cls, url: str) -> SmtpUrl:
        """Return the parts of a URL. Raises ``ValueError``, whose text never has the password.

        ``default_port`` is the port where there is none.
        """
        error = ValueError(f"An SMTP URL is {ALLOWED}.")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise error from None
        starttls = _STARTTLS.fullmatch(parts.query)
        if (
            parts.scheme not in ("smtp", "smtps")
            or not parts.hostname
            or starttls is None
            or parts.path not in ("", "/")
            or "#" in url
            or port == 0
            or (parts.password and not parts.username)
            or _UNPRINTABLE.search(url)
        ):
            raise error
        security = "tls" if parts.scheme == "smtps" else cast("Security", starttls[1] or "offered")
        try:
            # NOTE(idna): sockets would use Python's codec, by which "faß" is "fass".
            host = ascii_domain(parts.hostname)
        except UnicodeError:
            raise error from None
        if not is_host(host):
            raise error
        return cls(
            host=host,
            port=port or default_port(security, parts.username),
            security=security,
            user=unquote(parts.username) if parts.username else None,
            password=Secret(unquote(parts.password or "")),
        )

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine."""
        with contextlib.suppress(ValueError):  # a name and not an address
            return ipaddress.ip_address(self.host).is_loopback
        return self.host == "localhost"


def default_port(security: Security, user: str | None) -> int:
    """Return 465 for TLS from the first byte, 587 where there is a user, and 25 otherwise."""
    if security == "tls":
        return 465
    return 587 if user else 25
