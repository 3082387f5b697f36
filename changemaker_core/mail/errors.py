"""Errors of mail, sorted by what is known of the message afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import timedelta

#: Where a reply was given: to EHLO, STARTTLS or AUTH, to MAIL, to RCPT, or to DATA and the message.
Stage = Literal["connect", "mail", "rcpt", "data"]


class HeaderInjection(ValueError):
    """A header's text would have added another header. ``field`` names it."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} must be one line without control characters")
        self.field = field


class InvalidAddress(ValueError):
    """``email`` is not an email address. The message omits it, since it may end up in a log."""

    def __init__(self, email: str) -> None:
        super().__init__("this is not an email address")
        self.email = email


class MailError(Exception):
    """A message was not delivered, or may not have been."""


class Refused(MailError):
    """The message was certainly not delivered. ``temporary`` says whether to try again.

    ``of_site``: the server would refuse every other message as well, until an operator changes
    something, such as a password or the sender's address; or, where it ``is_unreachable``, until it
    or the network works again. ``of_content``: the server says that it is for what this message
    contains. ``stage`` is what the server replied to, ``rcpt`` where it stopped to
    reply on the way to the message; None where nothing was sent, or the connection was lost.

    ``code`` is the server's reply code (RFC 5321, section 4.2), or 0 where no server replied.
    """

    def __init__(
        self,
        code: int,
        text: str,
        temporary: bool,
        *,
        of_site: bool = False,
        is_unreachable: bool = False,
        of_content: bool = False,
        stage: Stage | None = None,
    ) -> None:
        super().__init__(f"{code} {text}" if code else text)
        self.code = code
        self.text = text
        self.temporary = temporary
        self.of_site = of_site or is_unreachable
        self.is_unreachable = is_unreachable
        self.of_content = of_content
        self.stage = stage


class DeliveryUnknown(MailError):
    """The message was on its way to the server, and no reply came back."""


@dataclass(frozen=True, slots=True)
class AlreadySent:
    """Nothing is wrong: the message was handed over before, and must not be once more.

    ``takes`` is how long that takes. Where somebody may watch, a message that is not sent for this
    reason must not be quicker than one that is.
    """

    takes: timedelta
