"""Failures of a lookup, and the problem that the API and the pages report for each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from changemaker_core import FieldError, Invalid, Problem, Text, TooManyRequests, Unavailable
from changemaker_influence.directories.postal_codes import PostalCodeInvalid

if TYPE_CHECKING:
    from datetime import timedelta


class DirectoryUnavailable(Exception):
    """The directory gave no result now. Nothing is cached; an older entry may be used instead.

    ``reason`` is for logs: it never holds what a visitor typed.
    """

    def __init__(self, reason: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class PostalCodeUnknown(DirectoryUnavailable):
    """The directory has no entry for this postal code."""


class TooManyLookups(DirectoryUnavailable):
    """A visitor has used up their own part of the directory's limit."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__("a visitor's own limit is reached", retry_after=retry_after)


#: Everything that a lookup raises.
LOOKUP_ERRORS = (PostalCodeInvalid, DirectoryUnavailable)
_RETRY_SECONDS = 30
#: What a visitor is asked to wait at most, whatever the directory has said.
_LONGEST_SECONDS = 600


def reason_for(error: Exception) -> Text:
    """Return the sentence that tells a visitor why their lookup failed."""
    if isinstance(error, PostalCodeInvalid):
        return error.reason
    if isinstance(error, PostalCodeUnknown):
        return Text("We found no representatives for this postal code.")
    if isinstance(error, TooManyLookups):
        return Text(
            "Many postal codes were looked up from your internet connection. Please wait {seconds} "
            "seconds and try again.",
            seconds=seconds_to_wait(error),
        )
    return Text("We cannot look up representatives right now. Please try again in a moment.")


def seconds_to_wait(error: Exception) -> int:
    """Return the whole seconds to wait before the next try."""
    wait: timedelta | None = getattr(error, "retry_after", None)
    if not wait:
        return _RETRY_SECONDS
    return max(1, math.ceil(min(wait.total_seconds(), _LONGEST_SECONDS)))


def problem_for(error: Exception) -> Problem:
    """Return the problem to respond with after a failed lookup of ``postal_code``."""
    if isinstance(error, PostalCodeInvalid):
        return Invalid([FieldError("postal_code", error.reason)])
    wait = seconds_to_wait(error)
    if isinstance(error, TooManyLookups):
        return TooManyRequests(wait, reason_for(error))
    unknown = isinstance(error, PostalCodeUnknown)
    code = "no_representatives_known" if unknown else "directory_unavailable"
    return Unavailable(reason_for(error), code=code, headers=[("Retry-After", str(wait))])
