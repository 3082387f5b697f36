"""``smtplib`` with deadlines: its own time-out is for each read, so that a server which sends a
byte now and then takes any time, and any memory."""

from __future__ import annotations

import io
import math
import smtplib
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import socket

    from _typeshed import WriteableBuffer

#: Bytes of one reply: some servers list a page of extensions.
LONGEST_REPLY: Final = 64 * 1024


class TimedSMTP(smtplib.SMTP):
    """Each reply is complete within the socket's time-out, and all replies until ``deadline``, a
    moment of ``time.monotonic()``."""

    def __init__(self, *args: Any, deadline: float, **options: Any) -> None:
        self.deadline = deadline
        super().__init__(*args, **options)

    def getreply(self) -> tuple[int, bytes]:
        """Return a reply's code and text. Raises ``SMTPServerDisconnected`` where it is late or
        too long."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("please run connect() first")
        if self.file is None:
            self.file = io.BufferedReader(_Replies(self.sock))
        timeout = self.sock.gettimeout()
        replies: _Replies = self.file.raw
        replies.begin(
            min(time.monotonic() + (math.inf if timeout is None else timeout), self.deadline)
        )
        try:
            return super().getreply()
        finally:
            if self.sock is not None:  # closed on an error
                self.sock.settimeout(timeout)


class TimedSMTPOverTLS(TimedSMTP, smtplib.SMTP_SSL):
    """``TimedSMTP`` over implicit TLS."""


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
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the reply took too long")
        if self._room <= 0:
            raise OSError(f"the reply is longer than {LONGEST_REPLY:,} bytes")
        self._sock.settimeout(None if left == math.inf else left)
        count = self._sock.recv_into(buffer)
        self._room -= count
        return count
