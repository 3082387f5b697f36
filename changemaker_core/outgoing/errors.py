"""What can go wrong with a request to another server."""

from __future__ import annotations


class OutgoingError(Exception):
    """Another server sent no response that can be used."""


class Unreachable(OutgoingError):
    """No connection, or one that broke before the response was complete."""


class NotPublic(Unreachable):
    """The server has an address that is not public, and ``public_only`` is set."""


class InvalidURL(OutgoingError):
    """The URL is malformed, or not one of ``http`` or ``https``."""


class TimedOut(OutgoingError):
    """The response was not complete within the deadline."""


class ResponseTooLarge(OutgoingError):
    """The response is larger than the limit."""


class WrongContentType(OutgoingError):
    """The response is not of the expected type."""
