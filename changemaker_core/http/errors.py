"""Errors of requests, as RFC 9457 problems with a stable ``code``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from changemaker_core.limits.windows import Rate, RateStatus
from changemaker_core.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from changemaker_core.db import LimitReached


class FieldError:
    """An error of one field.

    ``field`` is its path: ``sender_email``, ``recipients[2].email``, or ``""`` for the whole;
    ``where`` is ``body``, ``query`` or ``form``.
    """

    __slots__ = ("field", "message", "where")

    def __init__(self, field: str, message: str, where: str = "body") -> None:
        self.field = field
        self.message = message
        self.where = where

    def __repr__(self) -> str:
        return f"FieldError({self.field!r}, {str(self.message)!r}, {self.where!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FieldError):
            return NotImplemented
        return (self.field, self.message, self.where) == (other.field, other.message, other.where)

    def __hash__(self) -> int:
        return hash((self.field, self.message, self.where))


class Problem(Exception):
    """An error response; raise it from anywhere in a responder.

    ``code`` is stable and for programs; ``title`` and ``detail`` are for people and are translated
    where they are :class:`~changemaker_core.text.Text`. ``headers`` are added to the response.
    ``remedy`` is the path of a page where a person can do what is missing: a browser that opens a
    page is sent there instead.
    """

    remedy: str | None = None

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        *,
        detail: str | None = None,
        errors: Iterable[FieldError] = (),
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        super().__init__(f"{status} {code}: {title}")
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = tuple(headers)


class ClientGone(Exception):
    """The client went away in the middle of its request: there is no response to send.

    What reads the body raises it. Catch it to delete what you stored of it, and raise it again.
    """


class _Known(Problem):
    """A problem with the status, code and title of its class."""

    known_status: ClassVar[int]
    known_code: ClassVar[str]
    known_title: ClassVar[Text]

    def __init__(
        self,
        detail: str | None = None,
        *,
        code: str | None = None,
        errors: Iterable[FieldError] = (),
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        super().__init__(
            self.known_status,
            code or self.known_code,
            self.known_title,
            detail=detail,
            errors=errors,
            headers=headers,
        )


class BadRequest(_Known):
    """The request is malformed."""

    known_status, known_code = 400, "bad_request"
    known_title = Text("The request could not be understood.")


class Unauthorized(_Known):
    """The request has no credentials, or none that are valid."""

    known_status, known_code = 401, "unauthorized"
    known_title = Text("Please sign in.")


class Forbidden(_Known):
    """The actor is known, and lacks the permission."""

    known_status, known_code = 403, "forbidden"
    known_title = Text("You do not have permission to do this.")


class NotFound(_Known):
    """Not found."""

    known_status, known_code = 404, "not_found"
    known_title = Text("Not found.")


class Conflict(_Known):
    """The request conflicts with the current state."""

    known_status, known_code = 409, "conflict"
    known_title = Text("This action conflicts with the current state.")


class EditConflict(Conflict):
    """What is to be saved was edited in an older version: it was saved by another person since.

    ``saved_at`` is when, and ``saved_by`` the id of the user, where it was one. A page catches it
    and shows the form again with ``merge_edits``; a program reads the new version first.
    """

    known_code = "edit_conflict"
    known_title = Text("This was saved by another person in the meantime.")

    def __init__(self, saved_at: datetime, saved_by: str | None) -> None:
        super().__init__(Text("Load it again, and make your changes to what is saved now."))
        self.saved_at = saved_at
        self.saved_by = saved_by


class TooLarge(_Known):
    """The body is larger than allowed."""

    known_status, known_code = 413, "too_large"
    known_title = Text("The request is too large.")


class UnsupportedMediaType(_Known):
    """The body is of another type than the route reads."""

    known_status, known_code = 415, "unsupported_media_type"
    known_title = Text("This content type is not supported.")


class Unavailable(_Known):
    """A service that is needed is down; a retry later may work."""

    known_status, known_code = 503, "unavailable"
    known_title = Text("This is not available at the moment.")


class Invalid(_Known):
    """Fields that are not valid: ``Invalid([FieldError("sender_email", _("…"))])``."""

    known_status, known_code = 422, "validation_failed"
    known_title = Text("Some fields are not valid.")

    def __init__(
        self,
        errors: Sequence[FieldError] | Mapping[str, Sequence[str]],
        detail: str | None = None,
        *,
        code: str | None = None,
    ) -> None:
        listed = _listed(errors) if isinstance(errors, Mapping) else errors
        super().__init__(detail, code=code, errors=listed)


class TooManyRequests(_Known):
    """A rate limit is exceeded; ``retry_after`` is in seconds."""

    known_status, known_code = 429, "too_many_requests"
    known_title = Text("Too many requests. Please try again later.")

    def __init__(
        self,
        retry_after: float,
        detail: str | None = None,
        *,
        code: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        self.retry_after = max(1, math.ceil(retry_after))
        wait = ("Retry-After", str(self.retry_after))
        super().__init__(detail, code=code, headers=(wait, *headers))

    @classmethod
    def of(cls, reached: LimitReached, detail: str | None = None) -> TooManyRequests:
        """Return the problem to respond with where a limit is reached.

        Its ``headers`` are for a page, too, that says so in a form: how long to wait, and which
        limit it is.
        """
        seconds = reached.retry_after.total_seconds()
        headers: list[tuple[str, str]] = []
        if reached.limit is not None and reached.period is not None:
            rate = Rate(reached.limit, int(reached.period.total_seconds()))
            headers = RateStatus(rate, 0, max(1, seconds)).headers(reached.name)
        return cls(seconds, detail, headers=headers)


def _listed(errors: Mapping[str, Sequence[str]]) -> list[FieldError]:
    return [FieldError(field, text) for field, texts in errors.items() for text in texts]
