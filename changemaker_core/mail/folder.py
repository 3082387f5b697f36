"""Mail as files, for development: one ``.eml`` file for each message, and nothing leaves."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_binary_file
from email.policy import SMTPUTF8
from typing import TYPE_CHECKING

from changemaker_core.mail.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage
    from pathlib import Path

    from changemaker_core.mail.message import Address, Message

_ID = re.compile(r"\d{8}T\d{12}Z-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class StoredMail:
    """A line of the mailbox page. ``id`` opens it with ``FolderTransport.read``."""

    id: str
    sent_at: datetime
    to: str
    subject: str


class FolderTransport:
    """Writes each message into ``folder``, whole or not at all."""

    def __init__(self, folder: Path, mail_from: Address) -> None:
        self.folder = folder
        self.mail_from = mail_from

    @contextlib.contextmanager
    def session(self) -> Iterator[FolderSession]:
        """A conversation with the file system."""
        yield FolderSession(self)

    def close(self) -> None:
        """Nothing is kept open."""

    def messages(self, limit: int = 100, offset: int = 0) -> list[StoredMail]:
        """What was sent, newest first."""
        newest = sorted((path.stem for path in self.folder.glob("*.eml")), reverse=True)
        return [self._summary(name) for name in newest[offset : offset + limit]]

    def read(self, mail_id: str) -> EmailMessage:
        """A message in full. Raises ``KeyError`` when there is none of that id."""
        if not _ID.fullmatch(mail_id):
            raise KeyError(mail_id)
        try:
            with (self.folder / f"{mail_id}.eml").open("rb") as file:
                return message_from_binary_file(file, policy=SMTPUTF8)
        except FileNotFoundError as error:
            raise KeyError(mail_id) from error

    def store(self, body: bytes) -> None:
        """Write one message. Raises ``OSError``, and then there is no such file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}-{secrets.token_hex(4)}"
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

    def _summary(self, name: str) -> StoredMail:
        email = self.read(name)
        sent_at = datetime.strptime(name.partition("-")[0], "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)
        return StoredMail(name, sent_at, str(email["To"]), str(email["Subject"]))


class FolderSession:
    """See ``Session``. A file is written or not: nothing here is ever unknown."""

    def __init__(self, transport: FolderTransport) -> None:
        self._transport = transport
        self._body: bytes | None = None

    def offer(self, message: Message) -> None:
        """Prepare the message."""
        self._body = message.as_bytes(self._transport.mail_from)

    def data(self) -> None:
        """Write it."""
        body, self._body = self._body, None
        if body is None:
            raise RuntimeError("offer() comes before data()")
        try:
            self._transport.store(body)
        except OSError as error:
            raise Refused(0, str(error), temporary=True) from error
