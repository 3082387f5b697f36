"""``smtplib`` with deadlines: its own time-out is for each read, and over TLS for each record that
is written, so that a server which sends or reads a byte now and then takes any time."""

from __future__ import annotations

import io
import math
import smtplib
import time
from typing import TYPE_CHECKING, Any, Final

from changemaker_core.outgoing.addresses import connect

if TYPE_CHECKING:
    import socket

    from _typeshed import WriteableBuffer

#: Bytes of one reply: some servers list a page of extensions.
LONGEST_REPLY: Final = 64 * 1024


class EndlessReply(TimeoutError):
    """A reply is too long: there may be no end of it."""


class TimedSMTP(smtplib.SMTP):
    """Each reply is complete, and each text is sent, within the socket's time-out, and all of them
    until ``deadline``, a moment of ``time.monotonic()``. With ``public_only``, the server's
    addresses must be public."""

    def __init__(
        self, *args: Any, deadline: float, public_only: bool = False, **options: Any
    ) -> None:
        self.deadline = deadline
        self._public_only = public_only
        super().__init__(*args, **options)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return connect(host, port, timeout, public_only=self._public_only)

    def getreply(self) -> tuple[int, bytes]:
        """Return a reply's code and text. Raises ``SMTPServerDisconnected`` where it is late or
        too long."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("please run connect() first")
        if self.file is None:
            self.file = io.BufferedReader(_Replies(self.sock))
        timeout = self.sock.gettimeout()
        replies: _Replies = self.file.raw
        replies.begin(self._until(timeout))
        try:
            return super().getreply()
        finally:
            if self.sock is not None:  # closed on an error
                self.sock.settimeout(timeout)

    def send(self, s: bytes | str) -> None:  # type: ignore[override]  # typeshed: and any buffer
        """Send a text. Raises ``SMTPServerDisconnected`` where the server reads too slowly."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("please run connect() first")
        timeout = self.sock.gettimeout()
        until = self._until(timeout)
        left = memoryview(s.encode(self.command_encoding) if isinstance(s, str) else s)
        try:
            while left:
                self.sock.settimeout(_left(until, "sending"))
                left = left[self.sock.send(left) :]
            self.sock.settimeout(timeout)
        except OSError as error:
            self.close()
            raise smtplib.SMTPServerDisconnected(f"Connection lost: {error}") from error

    def _until(self, timeout: float | None) -> float:
        return min(time.monotonic() + (math.inf if timeout is None else timeout), self.deadline)


class TimedSMTPOverTLS(TimedSMTP, smtplib.SMTP_SSL):
    """``TimedSMTP`` over implicit TLS."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = super()._get_socket(host, port, timeout)
        return self.context.wrap_socket(plain, server_hostname=host)


class _Replies(io.RawIOBase):
    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._until = math.inf
        self._room = LONGEST_REPLY

    def begin(self, until: float) -> None:
        """Begin a reply, which must be complete at ``until``."""
        self._until, self._room = until, LONGEST_REPLY

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        left = _left(self._until, "the reply")
        if self._room <= 0:
            raise EndlessReply(f"the reply is longer than {LONGEST_REPLY:,} bytes")
        self._sock.settimeout(left)
        count = self._sock.recv_into(buffer)
        self._room -= count
        return count


def is_hang(error: OSError) -> bool:
    """Return whether a connection was given up because of its server: it does not come to an end,
    and is not closed either."""
    return isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)


def _left(until: float, what: str) -> float | None:
    """Return the seconds until then, as sockets take them. Raises ``TimeoutError``."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError(f"{what} took too long")
    return None if left == math.inf else left
