"""Mail as files, for development: one ``.eml`` file for each message; no message is sent."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_binary_file
from email.policy import SMTPUTF8
from typing import TYPE_CHECKING

from changemaker_core.config.site_files import private_folder
from changemaker_core.mail.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage
    from pathlib import Path

    from changemaker_core.mail.message import Address, Message

_ID = re.compile(r"\d{8}T\d{12}Z-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class StoredMail:
    """One message in a list. ``FolderTransport.read`` returns it in full, by its ``id``."""

    id: str
    sent_at: datetime
    to: str
    subject: str


class FolderTransport:
    """Writes each message to a file in ``folder``, completely or not at all."""

    def __init__(self, folder: Path, mail_from: Address) -> None:
        self.folder = folder
        self.mail_from = mail_from
        self._last = datetime.min.replace(tzinfo=UTC)
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def session(self) -> Iterator[FolderSession]:
        """Open a session."""
        yield FolderSession(self)

    def close(self) -> None:
        """Do nothing: no connection is open."""

    def messages(self, limit: int = 100, offset: int = 0) -> list[StoredMail]:
        """Return the stored messages, the last one sent first."""
        newest = sorted((path.stem for path in self.folder.glob("*.eml")), reverse=True)
        return [self._summary(name) for name in newest[offset : offset + limit]]

    def read(self, mail_id: str) -> EmailMessage:
        """Return a message in full. Raises ``KeyError`` when no message has the id."""
        if not _ID.fullmatch(mail_id):
            raise KeyError(mail_id)
        try:
            with (self.folder / f"{mail_id}.eml").open("rb") as file:
                return message_from_binary_file(file, policy=SMTPUTF8)
        except FileNotFoundError as error:
            raise KeyError(mail_id) from error

    def store(self, body: bytes) -> None:
        """Write one message. Raises ``OSError``; then no file was written."""
        private_folder(self.folder)
        name = f"{self._next_moment():%Y%m%dT%H%M%S%fZ}-{secrets.token_hex(4)}"
        draft = self.folder / f"{name}.part"
        try:
            with draft.open("xb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            draft.rename(draft.with_suffix(".eml"))
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def _next_moment(self) -> datetime:
        """Return the time, later than that of the last message: names sort as they were sent."""
        with self._lock:
            self._last = max(datetime.now(UTC), self._last + timedelta(microseconds=1))
            return self._last

    def _summary(self, name: str) -> StoredMail:
        email = self.read(name)
        sent_at = datetime.strptime(name.partition("-")[0], "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)
        return StoredMail(name, sent_at, str(email["To"]), str(email["Subject"]))


class FolderSession:
    """A ``Session`` that writes files; its outcome is always known."""

    def __init__(self, transport: FolderTransport) -> None:
        self._transport = transport
        self._body: bytes | None = None

    def send_envelope(self, message: Message) -> None:
        """Encode the message."""
        self._body = message.as_bytes(self._transport.mail_from)

    def send_data(self) -> None:
        """Write the file."""
        body, self._body = self._body, None
        if body is None:
            raise RuntimeError("call send_envelope() before send_data()")
        try:
            self._transport.store(body)
        except OSError as error:
            raise Refused(0, str(error), temporary=True) from error
