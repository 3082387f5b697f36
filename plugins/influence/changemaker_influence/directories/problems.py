"""What can go wrong with a lookup, as the API and the pages say it."""

from __future__ import annotations

import math

from changemaker_core import FieldError, Invalid, Problem, Text, Unavailable
from changemaker_influence.directories.directory import DirectoryUnavailable, NobodyKnown
from changemaker_influence.directories.postal_codes import PostalCodeInvalid

#: What a lookup raises.
LOOKUP_ERRORS = (PostalCodeInvalid, DirectoryUnavailable)
_RETRY_SECONDS = 30


def reason(error: Exception) -> Text:
    """What went wrong, to the visitor."""
    if isinstance(error, PostalCodeInvalid):
        return error.reason
    if isinstance(error, NobodyKnown):
        return Text("No representatives are known for this postal code.")
    return Text("The directory of representatives cannot be reached right now. Try again soon.")


def problem_of(error: Exception, where: str = "body") -> Problem:
    """The problem that answers a failed lookup of ``postal_code``."""
    if isinstance(error, PostalCodeInvalid):
        return Invalid([FieldError("postal_code", error.reason, where)])
    code = "no_representatives_known" if isinstance(error, NobodyKnown) else "directory_unavailable"
    wait = getattr(error, "retry_after", None)
    seconds = max(1, math.ceil(wait.total_seconds())) if wait else _RETRY_SECONDS
    return Unavailable(reason(error), code=code, headers=[("Retry-After", str(seconds))])
