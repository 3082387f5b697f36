"""One SMTP connection (RFC 5321), in steps whose failures say whether they are certain.

``smtplib`` connects and reads replies; its ``sendmail`` and ``data`` are not used, because their
errors do not tell whether the message itself had already been sent.
"""

from __future__ import annotations

import contextlib
import math
import re
import smtplib
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from changemaker_core.config.characters import visible_lines
from changemaker_core.mail.errors import DeliveryUnknown, Refused
from changemaker_core.mail.replies import refusal
from changemaker_core.mail.timed_smtp import is_hang

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core.mail.dkim import DkimSigner
    from changemaker_core.mail.errors import Stage
    from changemaker_core.mail.message import Address, Message
    from changemaker_core.mail.timed_smtp import TimedSMTP

_LONGEST_REPLY: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpOptions:
    """Time-outs of a connection, and how long it is reused."""

    #: For connecting, and for each reply except the one to the message.
    command_timeout: timedelta = timedelta(seconds=20)
    #: For connecting and signing in, however many replies that takes; and for MAIL, RCPT and DATA.
    envelope_timeout: timedelta = timedelta(minutes=1)
    #: For the reply to the message. Each time-out here leaves a message of unknown outcome, and
    #: servers look for spam and viruses before they reply.
    message_timeout: timedelta = timedelta(minutes=2)
    #: A connection older than this is not reused.
    max_age: timedelta = timedelta(minutes=5)
    #: Messages on one connection; servers close connections after about as many.
    max_messages: int = 100


class ConnectionLost(Exception):
    """The connection ended before the message was sent: certain, and another one may work.

    ``is_hang``: the server neither replied to an end nor closed it.
    """

    def __init__(self, code: int, text: str, *, is_hang: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.is_hang = is_hang


class SmtpConnection:
    """An open connection, after EHLO, TLS and login."""

    def __init__(
        self, smtp: TimedSMTP, options: SmtpOptions, signer: DkimSigner | None = None
    ) -> None:
        self._smtp = smtp
        self._signer = signer
        self._options = options
        self._pipelines = smtp.has_extn("pipelining")
        self._opened = time.monotonic()
        self._is_used = False
        self._messages = 0

    @property
    def is_expired(self) -> bool:
        """Whether it is too old, or has sent too many messages, to be reused."""
        age = time.monotonic() - self._opened
        options = self._options
        return self._messages >= options.max_messages or age > options.max_age.total_seconds()

    def send_envelope(self, message: Message, sender: Address) -> bytes:
        """Send MAIL FROM and RCPT TO, after RSET where there was a message before, and return the
        message as this server takes it: without a Reply-To that would need SMTPUTF8.

        Raises ``Refused``, or ``ConnectionLost``.
        """
        has_utf8 = self._smtp.has_extn("smtputf8")
        if not has_utf8 and message.reply_to is not None and message.reply_to.needs_utf8:
            message = replace(message, reply_to=None)
        body = message.as_bytes(sender)
        if self._signer is not None:
            body = self._signer.sign(body, sender.domain)
        parameters = f" SIZE={len(body)}" if self._smtp.has_extn("size") else ""
        if has_utf8 and (message.needs_utf8 or sender.needs_utf8):
            parameters += " BODY=8BITMIME SMTPUTF8"
        self._require_ascii(sender, of_site=True)
        self._require_ascii(message.to, of_site=False)
        mail = f"MAIL FROM:<{sender.envelope}>{parameters}"
        rcpt = f"RCPT TO:<{message.to.envelope}>"
        rset = ("RSET",) if self._is_used else ()
        self._is_used = True
        self._begin_envelope()
        replies = self._send(*rset, mail, rcpt)
        for _ in rset:
            code, text = next(replies)
            if code != 250:
                raise ConnectionLost(code, text)
        code, text = next(replies)
        _raise_unless(200 <= code <= 299, code, text, "mail")
        code, text = next(replies)
        _raise_unless(200 <= code <= 299, code, text, "rcpt")
        return body

    def try_sender(self, sender: Address) -> None:
        """Send MAIL FROM and take it back, so that no message begins.

        Raises ``Refused``, or ``ConnectionLost``.
        """
        self._require_ascii(sender, of_site=True)
        parameters = " BODY=8BITMIME SMTPUTF8" if sender.needs_utf8 else ""
        self._is_used = True
        self._begin_envelope()
        for code, text in self._send(f"MAIL FROM:<{sender.envelope}>{parameters}", "RSET"):
            _raise_unless(200 <= code <= 299, code, text, "mail")

    def send_data(self, body: bytes) -> None:
        """Send DATA and the message.

        Raises ``Refused`` or ``ConnectionLost`` where it certainly was not delivered: before its
        first byte was sent, or by the server's reply. Raises ``DeliveryUnknown`` otherwise.
        """
        for code, text in self._send("DATA"):
            _raise_unless(code == 354, code, text, "data")
        self._messages += 1
        self._smtp.deadline = math.inf
        try:
            self._set_timeout(self._options.message_timeout)
            self._smtp.send(_dot_stuffed(body))
            code, reply = self._smtp.getreply()
            self._set_timeout(self._options.command_timeout)
        except OSError as error:
            raise DeliveryUnknown(str(error) or type(error).__name__) from error
        if not 200 <= code <= 299 and not 400 <= code <= 599:
            raise DeliveryUnknown(f"{code} {as_text(reply)}")
        _raise_unless(200 <= code <= 299, code, as_text(reply), "data")

    def quit(self) -> None:
        """Send QUIT, wait for its reply for a second at most, and close."""
        with contextlib.suppress(OSError):  # no message depends on it
            self._set_timeout(timedelta(seconds=1))
            self._smtp.deadline = math.inf
            self._smtp.quit()
        self._smtp.close()

    def close(self) -> None:
        """Close the connection without QUIT."""
        self._smtp.close()

    def _send(self, *commands: str) -> Iterator[tuple[int, str]]:
        """Send commands and yield the reply to each. Raises ``ConnectionLost``.

        With PIPELINING (RFC 2920) all are sent at once, and all replies are read. Otherwise each
        command is sent when its reply is asked for, so that a refusal ends the sequence.
        """
        groups = [commands] if self._pipelines else [(command,) for command in commands]
        for group in groups:
            try:
                self._smtp.send("".join(f"{command}\r\n" for command in group).encode())
            except OSError as error:
                raise _lost(error) from error
            yield from [self._read_reply() for _ in group]

    def _read_reply(self) -> tuple[int, str]:
        try:
            code, text = self._smtp.getreply()
        except smtplib.SMTPResponseException as error:
            raise ConnectionLost(error.smtp_code, as_text(error.smtp_error)) from error
        except OSError as error:
            raise _lost(error) from error
        if code == 421:  # "closing transmission channel", in reply to any command
            raise ConnectionLost(code, as_text(text))
        return code, as_text(text)

    def _begin_envelope(self) -> None:
        self._smtp.deadline = time.monotonic() + self._options.envelope_timeout.total_seconds()

    def _set_timeout(self, timeout: timedelta) -> None:
        if self._smtp.sock is not None:
            self._smtp.sock.settimeout(timeout.total_seconds())

    def _require_ascii(self, address: Address, *, of_site: bool) -> None:
        """Raise ``Refused`` for an address that the server does not support."""
        if address.needs_utf8 and not self._smtp.has_extn("smtputf8"):
            whose = "the sender's" if of_site else "this"
            text = f"the server does not support {whose} address (SMTPUTF8)"
            raise Refused(0, text, temporary=of_site, of_site=of_site)


def _lost(error: OSError) -> ConnectionLost:
    return ConnectionLost(0, str(error) or type(error).__name__, is_hang=is_hang(error))


def as_text(reply: bytes | str) -> str:
    """Return the text of a server's reply, as it may be stored and shown in a terminal."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return visible_lines(text[:_LONGEST_REPLY])


def _raise_unless(accepted: bool, code: int, text: str, stage: Stage) -> None:
    if not accepted:
        raise refusal(code, text, stage)


def _dot_stuffed(body: bytes) -> bytes:
    """Return ``body``, whose lines end in CRLF, as DATA wants it (RFC 5321, section 4.5.2)."""
    stuffed = re.sub(rb"(?m)^\.", b"..", body)
    return stuffed + (b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n")
