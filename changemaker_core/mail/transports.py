"""What a way of sending mail offers, and which one a site uses.

with transport.session() as session:
    session.offer(message)      # Refused: certain, nothing was sent
    ...                         # commit here that it may be sent from now on
    session.data()              # Refused: certain. Unanswered: nobody knows
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from changemaker_core.mail.folder import FolderTransport
from changemaker_core.mail.message import Address
from changemaker_core.mail.smtp import SmtpServer, SmtpTransport

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from changemaker_core.mail.message import Message


class Session(Protocol):
    """One conversation: any number of messages, each offered and then handed over."""

    def offer(self, message: Message) -> None:
        """Name sender and recipient. Raises ``Refused``, also when no server could be reached."""

    def data(self) -> None:
        """Hand over the offered message: returns once it is accepted, raises ``Refused`` or
        ``Unanswered``. Whatever happens, the next message needs its own ``offer``."""


class Transport(Protocol):
    """A way of sending mail, safe to use from several threads, each with its own session."""

    @property
    def mail_from(self) -> Address:
        """The site's own address: ``From`` and the envelope's sender."""

    def session(self) -> AbstractContextManager[Session]:
        """A conversation; connections are kept and reused behind it."""

    def close(self) -> None:
        """Give up the connections kept."""


def open_transport(smtp_url: str | None, mail_from: str, folder: Path) -> Transport:
    """SMTP where the operator named a server, otherwise ``.eml`` files in ``folder``.

    Nothing is connected yet. Raises ``ValueError`` for a URL or an address that cannot be used.
    """
    sender = Address.parse(mail_from)
    if smtp_url is None:
        return FolderTransport(folder, sender)
    return SmtpTransport(SmtpServer.parse(smtp_url), sender)
