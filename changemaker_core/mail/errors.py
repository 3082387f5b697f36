"""What can go wrong with a mail, sorted by what is known afterwards."""

from __future__ import annotations


class HeaderInjection(ValueError):
    """A header's text would have added another header. ``field`` says which one."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} must be one line without control characters")
        self.field = field


class InvalidAddress(ValueError):
    """``email`` is not an e-mail address. The text does not repeat it: it may end in a log."""

    def __init__(self, email: str) -> None:
        super().__init__("this is not an e-mail address")
        self.email = email


class MailError(Exception):
    """A message was not delivered, or perhaps not."""


class Refused(MailError):
    """Certain: the message was not delivered. ``temporary`` says whether to try again.

    ``code`` is the server's SMTP code (RFC 5321, section 4.2), or 0 where no server answered.
    """

    def __init__(self, code: int, text: str, temporary: bool) -> None:
        super().__init__(f"{code} {text}" if code else text)
        self.code = code
        self.text = text
        self.temporary = temporary


class Unanswered(MailError):
    """Not known: the message was on its way to the server, and no answer came back."""
