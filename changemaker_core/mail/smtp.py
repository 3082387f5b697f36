"""Mail over SMTP: sessions, and the idle connections that they share."""

from __future__ import annotations

import base64
import contextlib
import math
import smtplib
import ssl
import threading
import time
from typing import TYPE_CHECKING, Final

from changemaker_core.mail.errors import DeliveryUnknown, Refused
from changemaker_core.mail.replies import refusal
from changemaker_core.mail.smtp_connection import (
    ConnectionLost,
    SmtpConnection,
    SmtpOptions,
    as_text,
)
from changemaker_core.mail.timed_smtp import TimedSMTP, TimedSMTPOverTLS, is_hang
from changemaker_core.outgoing import NotPublic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core.config.smtp_url import SmtpUrl
    from changemaker_core.mail.dkim import DkimSigner
    from changemaker_core.mail.message import Address, Message


#: For so long after a connection was opened, a server that closes another one is there.
REACHED_SECONDS: Final = 60.0
_CHALLENGE = 334
#: Accepted, or authenticated already, as smtplib has it.
_AUTHENTICATED = (235, 503)


class SmtpTransport:
    """Sends through one SMTP server. Connections are reused.

    With ``public_only`` a server with an address that is not public refuses the site. ``signer``
    signs each message as the domain of ``mail_from``.
    """

    def __init__(
        self,
        server: SmtpUrl,
        mail_from: Address,
        *,
        options: SmtpOptions | None = None,
        tls: ssl.SSLContext | None = None,
        public_only: bool = False,
        signer: DkimSigner | None = None,
    ) -> None:
        self.server = server
        self._signer = signer
        self._public_only = public_only
        self._is_retired = False
        self.mail_from = mail_from
        self.options = options or SmtpOptions()
        self._tls = tls
        self._idle: list[SmtpConnection] = []
        self._lock = threading.Lock()
        self._connected_at = -math.inf

    @contextlib.contextmanager
    def session(self) -> Iterator[SmtpSession]:
        """Open a session; its connection is reused afterwards unless the session failed."""
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

    def try_sender(self) -> None:
        """Sign in, and ask whether the server takes mail of ``mail_from``. Sends no message.

        Raises ``Refused``.
        """
        connection = self.connect()
        try:
            connection.try_sender(self.mail_from)
        except ConnectionLost as lost:
            raise Refused(lost.code, lost.text, temporary=True, is_unreachable=True) from lost
        finally:
            connection.quit()

    def close(self) -> None:
        """Quit the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.quit()

    def retire(self) -> None:
        """Close the idle connections, and those in use as soon as their sessions end."""
        self._is_retired = True
        self.close()

    def take_idle(self) -> SmtpConnection | None:
        """Return an idle connection that is not expired, if there is one."""
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None or not connection.is_expired:
                return connection
            connection.close()

    def put_idle(self, connection: SmtpConnection) -> None:
        """Keep the connection of a session that has ended."""
        with self._lock:
            if not self._is_retired:
                self._idle.append(connection)
                return
        connection.quit()

    def connect(self) -> SmtpConnection:
        """Open a connection. Raises a temporary ``Refused`` whatever the cause; it is ``of_site``
        where the server does not want this site or cannot be reached. One that closes this
        connection, and has just taken another one, can be reached: it may not want as many."""
        try:
            smtp = self._connect()
            try:
                smtp.ehlo_or_helo_if_needed()
                encrypted = self.server.security == "tls" or self._starttls(smtp)
                self._login(smtp, encrypted)
            except BaseException:
                smtp.close()
                raise
            self._connected_at = time.monotonic()
            return SmtpConnection(smtp, self.options, self._signer)
        except smtplib.SMTPResponseException as error:
            raise refusal(error.smtp_code, as_text(error.smtp_error), "connect") from error
        except smtplib.SMTPNotSupportedError as error:  # TLS or a password, as configured
            raise Refused(0, f"{self._name}: {error}", temporary=True, of_site=True) from error
        except NotPublic as error:
            raise Refused(0, f"{self._name}: {error}", temporary=True, of_site=True) from error
        except OSError as error:  # includes smtplib's own exceptions and TLS failures
            text = f"{self._name}: {error or type(error).__name__}"
            is_recent = time.monotonic() - self._connected_at < REACHED_SECONDS
            is_unreachable = not (is_recent and _was_closed(error))
            raise Refused(0, text, temporary=True, is_unreachable=is_unreachable) from error

    @property
    def _name(self) -> str:
        return f"{self.server.host}:{self.server.port}"

    def _connect(self) -> TimedSMTP:
        server, seconds = self.server, self.options.command_timeout.total_seconds()
        own_name = self.mail_from.domain  # smtplib's default asks the DNS, which may take long
        deadline = time.monotonic() + self.options.envelope_timeout.total_seconds()
        if server.security != "tls":
            return TimedSMTP(
                server.host,
                server.port,
                own_name,
                timeout=seconds,
                deadline=deadline,
                public_only=self._public_only,
            )
        return TimedSMTPOverTLS(
            server.host,
            server.port,
            own_name,
            timeout=seconds,
            deadline=deadline,
            public_only=self._public_only,
            context=self._context(),
        )

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
        user, password = self.server.user, self.server.password.reveal()
        if user.isascii() and password.isascii():
            smtp.login(user, password)
        else:
            _login_utf8(smtp, user, password)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


def _was_closed(error: OSError) -> bool:
    """Return whether the server closed the connection: it was there, and did not hang."""
    closed = (ConnectionResetError, smtplib.SMTPServerDisconnected, ssl.SSLEOFError)
    return isinstance(error, closed) and not is_hang(error)


def _login_utf8(smtp: smtplib.SMTP, user: str, password: str) -> None:
    """Authenticate with a name or password beyond ASCII, which smtplib cannot (RFC 4616)."""
    offered = smtp.esmtp_features.get("auth", "").upper().split()
    if "PLAIN" in offered:
        both = _base64(f"\0{user}\0{password}")
        code, reply = smtp.docmd("AUTH", f"PLAIN {both}")
    elif "LOGIN" in offered:
        code, reply = smtp.docmd("AUTH", f"LOGIN {_base64(user)}")
        if code == _CHALLENGE:
            code, reply = smtp.docmd(_base64(password))
    else:
        raise smtplib.SMTPNotSupportedError(
            "the server offers neither AUTH PLAIN nor AUTH LOGIN, which a name or password with "
            "letters beyond ASCII needs"
        )
    if code not in _AUTHENTICATED:
        raise smtplib.SMTPAuthenticationError(code, reply)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


class SmtpSession:
    """A ``Session`` over SMTP. Not shared between threads."""

    def __init__(self, transport: SmtpTransport) -> None:
        self._transport = transport
        self._connection: SmtpConnection | None = None
        self._body: bytes | None = None

    def send_envelope(self, message: Message) -> None:
        """Send MAIL FROM and RCPT TO. A reused connection that is lost is replaced once."""
        self._body = None
        sender = self._transport.mail_from
        if self._connection is not None and self._connection.is_expired:
            self.discard()
        reused = self._connection = self._connection or self._transport.take_idle()
        if reused is not None:
            try:
                self._body = reused.send_envelope(message, sender)
            except ConnectionLost:
                self.discard()
        if self._connection is None:
            self._connection = self._transport.connect()
            with self._refused_if_lost():
                self._body = self._connection.send_envelope(message, sender)

    def send_data(self) -> None:
        """Send DATA and the message, and wait for the server's reply."""
        body, self._body = self._body, None
        if body is None or self._connection is None:
            raise RuntimeError("call send_envelope() before send_data()")
        with self._refused_if_lost():
            try:
                self._connection.send_data(body)
            except DeliveryUnknown:
                self.discard()
                raise

    def release(self) -> None:
        """Let other sessions use the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._transport.put_idle(connection)

    def discard(self) -> None:
        """Close the connection, whose state is not known."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @contextlib.contextmanager
    def _refused_if_lost(self) -> Iterator[None]:
        try:
            yield
        except ConnectionLost as lost:
            self.discard()
            raise Refused(
                lost.code,
                lost.text,
                temporary=True,
                is_unreachable=lost.is_hang,
                stage="rcpt" if lost.is_hang else None,
            ) from lost
