"""One SMTP connection (RFC 5321), step by step, so that each failure says whether it is certain.

``smtplib`` makes the connection and reads the answers; its ``sendmail`` and ``data`` are not used,
because their errors do not tell whether the message itself had already left.
"""

from __future__ import annotations

import contextlib
import re
import smtplib
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

from changemaker_core.mail.errors import Refused, Unanswered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core.mail.message import Address, Message


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


class Gone(Exception):
    """The server left before it had the message: certain, and another connection may do."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Connection:
    """One connection, which was greeted, and what is known of it."""

    def __init__(self, smtp: smtplib.SMTP, patience: Patience) -> None:
        self._smtp = smtp
        self._patience = patience
        self._pipelines = smtp.has_extn("pipelining")
        self._opened = time.monotonic()
        self._is_used = False
        self._messages = 0

    @property
    def is_worn(self) -> bool:
        """Whether it has lived for long enough, or carried enough."""
        age = time.monotonic() - self._opened
        return (
            self._messages >= self._patience.messages or age > self._patience.kept.total_seconds()
        )

    def address(self, message: Message, sender: Address, size: int) -> None:
        """MAIL FROM and RCPT TO, after RSET where there was a message before.

        Raises ``Refused``, or ``Gone`` where the connection is of no use any more.
        """
        options = self._options(size, utf8=message.needs_utf8 or sender.needs_utf8)
        mail = f"MAIL FROM:<{sender.envelope}>{options}"
        rcpt = f"RCPT TO:<{message.to.envelope}>"
        rset = ("RSET",) if self._is_used else ()
        self._is_used = True
        answers = self._ask(*rset, mail, rcpt)
        for _ in rset:
            code, text = next(answers)
            if code != 250:
                raise Gone(code, text)
        for code, text in answers:
            _certain(code, text)

    def begin(self) -> None:
        """DATA. Nothing of the message has left yet, so that a failure here is certain."""
        for code, text in self._ask("DATA"):
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
            raise Unanswered(f"{code} {as_text(text)}")
        _certain(code, as_text(text))

    def quit(self) -> None:
        """Say goodbye, without waiting long for the answer."""
        with contextlib.suppress(OSError):  # the server may be gone: nothing is lost with it
            self._wait(timedelta(seconds=1))
            self._smtp.quit()
        self._smtp.close()

    def close(self) -> None:
        """Hang up."""
        self._smtp.close()

    def _ask(self, *commands: str) -> Iterator[tuple[int, str]]:
        """The answer to each command, or ``Gone``.

        A server that pipelines is told all at once (RFC 2920), and all that it says is read. Any
        other is given a command when its answer is asked for: after a refusal, no more of them.
        """
        if self._pipelines:
            self._tell(*commands)
            yield from [self._answer() for _ in commands]
            return
        for command in commands:
            self._tell(command)
            yield self._answer()

    def _tell(self, *commands: str) -> None:
        try:
            self._smtp.send("".join(f"{command}\r\n" for command in commands).encode())
        except OSError as error:
            raise Gone(0, str(error) or type(error).__name__) from error

    def _answer(self) -> tuple[int, str]:
        try:
            code, text = self._smtp.getreply()
        except smtplib.SMTPResponseException as error:
            raise Gone(error.smtp_code, as_text(error.smtp_error)) from error
        except OSError as error:
            raise Gone(0, str(error) or type(error).__name__) from error
        if code == 421:  # "closing transmission channel", in answer to anything
            raise Gone(code, as_text(text))
        return code, as_text(text)

    def _wait(self, patience: timedelta) -> None:
        if self._smtp.sock is not None:
            self._smtp.sock.settimeout(patience.total_seconds())

    def _options(self, size: int, *, utf8: bool) -> str:
        options = f" SIZE={size}" if self._smtp.has_extn("size") else ""
        if not utf8:
            return options
        if not self._smtp.has_extn("smtputf8"):
            raise Refused(0, "the server cannot carry this address (SMTPUTF8)", temporary=False)
        return f"{options} BODY=8BITMIME SMTPUTF8"


def as_text(answer: bytes | str) -> str:
    """What a server said."""
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer


def _certain(code: int, text: str) -> None:
    if not 200 <= code <= 299:
        _refuse(code, text)


def _refuse(code: int, text: str) -> NoReturn:
    raise Refused(code, text, temporary=not 500 <= code <= 599)


def _stuffed(body: bytes) -> bytes:
    """``body``, whose lines end in CRLF, as DATA wants it (RFC 5321, section 4.5.2)."""
    stuffed = re.sub(rb"(?m)^\.", b"..", body)
    return stuffed + (b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n")
