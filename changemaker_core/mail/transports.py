"""The interface of mail transports.

with transport.session() as session:
    session.send_envelope(message)  # Refused: the message was certainly not sent
    ...                             # commit here that it may be sent from now on
    session.send_data()             # Refused: certainly not delivered. DeliveryUnknown: not known
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from changemaker_core.mail.message import Address, Message


class Session(Protocol):
    """Any number of messages, each in two steps: ``send_envelope``, then ``send_data``."""

    def send_envelope(self, message: Message) -> None:
        """Send sender and recipient. Raises ``Refused``, also when no server could be reached."""

    def send_data(self) -> None:
        """Send the message, and return once the server has accepted it.

        Raises ``Refused`` or ``DeliveryUnknown``. In any case the next message needs its own
        ``send_envelope``.
        """


class Transport(Protocol):
    """A way of sending mail, safe to use from several threads, each with its own session."""

    @property
    def mail_from(self) -> Address:
        """The site's own address: ``From`` and the envelope's sender."""

    def session(self) -> AbstractContextManager[Session]:
        """Open a session. Its connection is reused by later sessions."""

    def close(self) -> None:
        """Close the idle connections."""
