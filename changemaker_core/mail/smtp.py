"""Mail over SMTP (RFC 5321), step by step, so that each failure says whether it is certain.

``smtplib`` speaks the protocol; its ``sendmail`` and ``data`` are not used, because their errors
do not tell whether the message itself had already left.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import smtplib
import ssl
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, NoReturn
from urllib.parse import parse_qs, unquote, urlsplit

from changemaker_core.mail.errors import Refused, Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for a server, and how long a connection is kept."""

    #: For the connection and for each answer but the last.
    command: timedelta = timedelta(seconds=20)
    #: For the answer to a message: every timeout here is a message whose fate nobody knows, and
    #: servers look for spam and viruses before they answer.
    message: timedelta = timedelta(minutes=2)
    kept: timedelta = timedelta(minutes=5)
    #: Servers close connections after about as many.
    messages: int = 100


class SmtpTransport:
    """Sends through one SMTP server. Connections are kept, checked before use, and renewed."""

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
        self._idle: list[_Connection] = []
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

    def kept(self) -> _Connection | None:
        """A connection of an earlier session, if one is young enough and still answers."""
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None or connection.is_ready():
                return connection
            connection.close()

    def keep(self, connection: _Connection) -> None:
        """Take back a connection whose session has ended."""
        with self._lock:
            self._idle.append(connection)

    def connect(self) -> _Connection:
        """A new connection. Raises ``Refused``: whatever keeps us from it may pass."""
        try:
            return _Connection(self._greeted(), self.patience)
        except smtplib.SMTPResponseException as error:
            raise Refused(error.smtp_code, _text(error.smtp_error), temporary=True) from error
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
        self._connection: _Connection | None = None
        self._body: bytes | None = None

    def offer(self, message: Message) -> None:
        """MAIL and RCPT. A kept connection that turns out to be closed is replaced once."""
        self._body = None
        body = message.as_bytes(self._transport.mail_from)
        try:
            reused = self._ready()
            try:
                self._address(message, len(body))
            except _Gone:
                if not reused:
                    raise
                self.discard()
                self._connection = self._transport.connect()
                self._address(message, len(body))
        except _Gone as gone:
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
        except _Gone as gone:
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
        """Have a connection that answers; whether it was used before."""
        if self._connection is not None and not self._connection.is_ready():
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


class _Gone(Exception):
    """The server left before it had the message: certain, and another connection may do."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class _Connection:
    """One connection and what is known of it."""

    def __init__(self, smtp: smtplib.SMTP, patience: Patience) -> None:
        self._smtp = smtp
        self._patience = patience
        self._opened = time.monotonic()
        self._messages = 0

    def is_ready(self) -> bool:
        """Whether it is young, still there, and free of an unfinished message."""
        age = time.monotonic() - self._opened
        worn = self._messages >= self._patience.messages
        if worn or age > self._patience.kept.total_seconds():
            return False
        try:
            return self._smtp.rset()[0] == 250
        except OSError:
            return False

    def address(self, message: Message, sender: Address, size: int) -> None:
        """MAIL FROM and RCPT TO. Raises ``Refused`` or ``_Gone``."""
        options = self._options(message, size)
        _certain(*_answer(lambda: self._smtp.mail(sender.envelope, options)))
        _certain(*_answer(lambda: self._smtp.rcpt(message.to.envelope)))

    def begin(self) -> None:
        """DATA. Nothing of the message has left yet, so that a failure here is certain."""
        code, text = _answer(lambda: self._smtp.docmd("DATA"))
        if code != 354:
            _refuse(code, text)

    def finish(self, body: bytes) -> None:
        """The message. From its first byte on, only the server's answer is certain."""
        self._messages += 1
        try:
            self._wait(self._patience.message)
            self._smtp.send(_stuffed(body))
            code, text = self._smtp.getreply()
            self._wait(self._patience.command)
        except OSError as error:
            raise Unanswered(str(error) or type(error).__name__) from error
        if not 200 <= code <= 299 and not 400 <= code <= 599:
            raise Unanswered(f"{code} {_text(text)}")
        _certain(code, _text(text))

    def quit(self) -> None:
        """Say goodbye, without waiting long for the answer."""
        with contextlib.suppress(OSError):  # the server may be gone: nothing is lost with it
            self._wait(timedelta(seconds=1))
            self._smtp.quit()
        self._smtp.close()

    def close(self) -> None:
        """Hang up."""
        self._smtp.close()

    def _wait(self, patience: timedelta) -> None:
        if self._smtp.sock is not None:
            self._smtp.sock.settimeout(patience.total_seconds())

    def _options(self, message: Message, size: int) -> list[str]:
        options = [f"SIZE={size}"] if self._smtp.has_extn("size") else []
        if message.needs_utf8:
            if not self._smtp.has_extn("smtputf8"):
                raise Refused(0, "the server cannot carry this address (SMTPUTF8)", temporary=False)
            options += ["BODY=8BITMIME", "SMTPUTF8"]
        return options


def _answer(step: Callable[[], tuple[int, bytes]]) -> tuple[int, str]:
    """The server's answer to a command before the message, or ``_Gone``."""
    try:
        code, text = step()
    except smtplib.SMTPResponseException as error:
        raise _Gone(error.smtp_code, _text(error.smtp_error)) from error
    except OSError as error:
        raise _Gone(0, str(error) or type(error).__name__) from error
    if code == 421:  # "closing transmission channel", in answer to anything
        raise _Gone(code, _text(text))
    return code, _text(text)


def _certain(code: int, text: str) -> None:
    if not 200 <= code <= 299:
        _refuse(code, text)


def _refuse(code: int, text: str) -> NoReturn:
    raise Refused(code, text, temporary=not 500 <= code <= 599)


def _text(answer: bytes | str) -> str:
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer


def _stuffed(body: bytes) -> bytes:
    """``body``, whose lines end in CRLF, as DATA wants it (RFC 5321, section 4.5.2)."""
    stuffed = re.sub(rb"(?m)^\.", b"..", body)
    return stuffed + (b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n")


def _starttls(query: str) -> Security:
    options = parse_qs(query, keep_blank_values=True)
    value = options.pop("starttls", ["offered"])[-1]
    for choice in _STARTTLS:
        if choice == value and not options:
            return choice
    raise ValueError(f"after an SMTP URL's ? comes starttls={'|'.join(_STARTTLS)}")
