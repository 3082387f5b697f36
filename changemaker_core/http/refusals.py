"""What is told of an error that a responder, or something below it, has raised."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

import falcon

from changemaker_core.db import DatabaseUnavailable, InvalidId, LimitReached
from changemaker_core.http.errors import NotFound, Problem, TooManyRequests, Unavailable
from changemaker_core.text import Text

if TYPE_CHECKING:
    from changemaker_core.http.request import Exchange

log = logging.getLogger(__name__)

#: After how many seconds a database that restarts is worth another try.
_BACK_SOON = "2"
#: Codes and words for what Falcon itself refuses.
_KNOWN = {
    400: ("bad_request", Text("The request could not be understood.")),
    404: ("not_found", Text("There is nothing here.")),
    405: ("method_not_allowed", Text("This cannot be done here.")),
    413: ("too_large", Text("The request is too large.")),
    415: ("unsupported_media_type", Text("This kind of content is not understood.")),
}


def problem_of(error: Exception, exchange: Exchange) -> Problem:
    """``error`` as the visitor may know it; what nobody foresaw is logged, and told as a 500."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, LimitReached):
        return TooManyRequests(error.retry_after.total_seconds())
    if isinstance(error, InvalidId):
        # `{id}` in a path may be any text; nothing is there under one that is no id.
        return NotFound()
    if isinstance(error, DatabaseUnavailable):
        log.warning("the database is away: %s", error, extra={"request_id": exchange.request_id})
        return Unavailable(code="database_unavailable", headers=[("Retry-After", _BACK_SOON)])
    if isinstance(error, falcon.HTTPError):
        return _of_falcon(error)
    log.error("a request failed", exc_info=error, extra={"request_id": exchange.request_id})
    return internal_error()


def internal_error() -> Problem:
    """What is said of an error that nobody foresaw: nothing."""
    return Problem(500, "internal_error", Text("Something went wrong on our side."))


def _of_falcon(error: falcon.HTTPError) -> Problem:
    code, title = _KNOWN.get(error.status_code, (_code(error.title), error.title))
    headers = dict(error.headers or {})
    return Problem(
        error.status_code, code, title, detail=error.description, headers=headers.items()
    )


def _code(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
