"""Mail over SMTP: how a server is reached, and the connections to it that are kept."""

from __future__ import annotations

import contextlib
import ipaddress
import smtplib
import ssl
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from changemaker_core.mail.connection import Connection, Gone, Patience, as_text
from changemaker_core.mail.errors import Refused, Unanswered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core.mail.message import Address, Message

Security = Literal["tls", "required", "offered", "never"]
_STARTTLS: tuple[Security, ...] = ("required", "offered", "never")


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """Where to hand mail over and how.

    ``security``: ``tls`` from the first byte, or STARTTLS ``required``, used where ``offered``, or
    ``never`` used. Certificates are always verified.
    """

    host: str
    port: int
    security: Security = "offered"
    user: str | None = None
    password: str = ""

    @classmethod
    def parse(cls, url: str) -> SmtpServer:
        """From ``smtp://[user:password@]host[:port][?starttls=required|offered|never]`` or
        ``smtps://…``. Raises ``ValueError`` naming what is wrong, never the password."""
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("an SMTP URL is smtp://host:port or smtps://host:port")
        return cls(
            host=parts.hostname,
            port=parts.port or (465 if parts.scheme == "smtps" else 587 if parts.username else 25),
            security="tls" if parts.scheme == "smtps" else _starttls(parts.query),
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password or ""),
        )

    @property
    def is_local(self) -> bool:
        """Whether nothing leaves this machine on the way to it."""
        with contextlib.suppress(ValueError):  # a name and not an address
            return ipaddress.ip_address(self.host).is_loopback
        return self.host == "localhost"


class SmtpTransport:
    """Sends through one SMTP server. Connections are kept, and renewed."""

    def __init__(
        self,
        server: SmtpServer,
        mail_from: Address,
        *,
        patience: Patience | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.server = server
        self.mail_from = mail_from
        self.patience = patience or Patience()
        self._tls = tls
        self._idle: list[Connection] = []
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def session(self) -> Iterator[SmtpSession]:
        """A conversation, whose connection is kept afterwards unless something went wrong."""
        session = SmtpSession(self)
        try:
            yield session
        except Refused:
            session.release()
            raise
        except BaseException:  # whatever was going on, the connection's state is not known
            session.discard()
            raise
        session.release()

    def close(self) -> None:
        """Say goodbye on the connections that nobody is using."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.quit()

    def kept(self) -> Connection | None:
        """A connection of an earlier session, if one is young enough."""
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None or not connection.is_worn:
                return connection
            connection.close()

    def keep(self, connection: Connection) -> None:
        """Take back a connection whose session has ended."""
        with self._lock:
            self._idle.append(connection)

    def connect(self) -> Connection:
        """A new connection. Raises ``Refused``: whatever keeps us from it may pass."""
        try:
            return Connection(self._greeted(), self.patience)
        except smtplib.SMTPResponseException as error:
            raise Refused(error.smtp_code, as_text(error.smtp_error), temporary=True) from error
        except OSError as error:  # smtplib's own exceptions and TLS failures among them
            text = f"{self.server.host}:{self.server.port}: {error or type(error).__name__}"
            raise Refused(0, text, temporary=True) from error

    def _greeted(self) -> smtplib.SMTP:
        smtp = self._dialled()
        try:
            smtp.ehlo_or_helo_if_needed()
            encrypted = self.server.security == "tls" or self._starttls(smtp)
            self._login(smtp, encrypted)
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _dialled(self) -> smtplib.SMTP:
        server, seconds = self.server, self.patience.command.total_seconds()
        own_name = self.mail_from.domain  # smtplib's default asks the DNS, perhaps for long
        if server.security == "tls":
            return smtplib.SMTP_SSL(
                server.host, server.port, own_name, timeout=seconds, context=self._context()
            )
        return smtplib.SMTP(server.host, server.port, own_name, timeout=seconds)

    def _starttls(self, smtp: smtplib.SMTP) -> bool:
        wanted = self.server.security
        if wanted == "never" or (wanted == "offered" and not smtp.has_extn("starttls")):
            return False
        smtp.starttls(context=self._context())
        smtp.ehlo_or_helo_if_needed()
        return True

    def _login(self, smtp: smtplib.SMTP, encrypted: bool) -> None:
        if self.server.user is None:
            return
        if not encrypted and not self.server.is_local:
            raise smtplib.SMTPNotSupportedError(
                "the password is not sent over a connection without TLS"
            )
        smtp.login(self.server.user, self.server.password)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


class SmtpSession:
    """See ``Session``. Not shared between threads."""

    def __init__(self, transport: SmtpTransport) -> None:
        self._transport = transport
        self._connection: Connection | None = None
        self._body: bytes | None = None

    def offer(self, message: Message) -> None:
        """MAIL and RCPT. A kept connection that turns out to be closed is replaced once."""
        self._body = None
        body = message.as_bytes(self._transport.mail_from)
        try:
            reused = self._ready()
            try:
                self._address(message, len(body))
            except Gone:
                if not reused:
                    raise
                self.discard()
                self._connection = self._transport.connect()
                self._address(message, len(body))
        except Gone as gone:
            self.discard()
            raise Refused(gone.code, gone.text, temporary=True) from gone
        self._body = body

    def data(self) -> None:
        """DATA, the message, and what the server says of it."""
        body, self._body = self._body, None
        if body is None or self._connection is None:
            raise RuntimeError("offer() comes before data()")
        try:
            self._connection.begin()
            self._connection.finish(body)
        except Gone as gone:
            self.discard()
            raise Refused(gone.code, gone.text, temporary=True) from gone
        except Unanswered:
            self.discard()
            raise

    def release(self) -> None:
        """Keep the connection for the next session."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._transport.keep(connection)

    def discard(self) -> None:
        """Close the connection, whose state is not known."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _ready(self) -> bool:
        """Have a connection; whether it was used before."""
        if self._connection is not None and self._connection.is_worn:
            self.discard()
        if self._connection is None:
            self._connection = self._transport.kept()
        if self._connection is not None:
            return True
        self._connection = self._transport.connect()
        return False

    def _address(self, message: Message, size: int) -> None:
        if self._connection is None:
            raise RuntimeError("no connection")
        self._connection.address(message, self._transport.mail_from, size)


def _starttls(query: str) -> Security:
    options = parse_qs(query, keep_blank_values=True)
    value = options.pop("starttls", ["offered"])[-1]
    for choice in _STARTTLS:
        if choice == value and not options:
            return choice
    raise ValueError(f"after an SMTP URL's ? comes starttls={'|'.join(_STARTTLS)}")
