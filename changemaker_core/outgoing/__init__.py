"""Requests to other servers, bounded in time and size. These names are public."""

from changemaker_core.outgoing.allowed import AllowedServers
from changemaker_core.outgoing.breaker import Breaker, BreakerOpen
from changemaker_core.outgoing.client import (
    Outgoing,
    OutgoingLimits,
    OutgoingResponse,
    OutgoingSync,
)
from changemaker_core.outgoing.errors import (
    InvalidURL,
    NotPublic,
    OutgoingError,
    ResponseTooLarge,
    TimedOut,
    Unreachable,
    WrongContentType,
)

__all__ = [
    "AllowedServers",
    "Breaker",
    "BreakerOpen",
    "InvalidURL",
    "NotPublic",
    "Outgoing",
    "OutgoingError",
    "OutgoingLimits",
    "OutgoingResponse",
    "OutgoingSync",
    "ResponseTooLarge",
    "TimedOut",
    "Unreachable",
    "WrongContentType",
]
