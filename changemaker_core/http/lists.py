"""Paginated lists: by offset, or by a cursor for lists without end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta

from changemaker_core.http.errors import FieldError, Invalid
from changemaker_core.signing import BadSignature
from changemaker_core.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from changemaker_core.signing import Signer

T = TypeVar("T")

#: Totals are exact up to here; counting further costs more than it is worth.
COUNTED = 10_000


class ListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Query parameters of a list: ``limit`` rows from ``offset`` on.

    Derive from it to add a list's own filters.
    """

    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    offset: Annotated[int, Meta(ge=0, le=COUNTED)] = 0


class CursorQuery(ListQuery, frozen=True, kw_only=True):
    """Query parameters of an unbounded list: also ``cursor``, the last page's ``next_cursor``.

    Every page costs the same, and rows that are added meanwhile do not shift the next page.
    ``offset`` counts from the cursor.
    """

    cursor: Annotated[str, Meta(max_length=500)] | None = None


class Pagination(msgspec.Struct, frozen=True, kw_only=True):
    """Where a page stands. ``total`` is exact up to 10,000; beyond that it is null and
    ``total_at_least`` says 10,000."""

    total: int | None
    limit: int
    offset: int
    has_more: bool
    next_cursor: str | None = None
    total_at_least: int | None = None


class Paginated(msgspec.Struct, Generic[T], frozen=True):
    """A page of a list: ``response=Paginated[Card]``."""

    data: list[T]
    pagination: Pagination


def paginate(
    rows: Sequence[T],
    query: ListQuery,
    total: int,
    *,
    cursor: Callable[[T], str] | None = None,
) -> Paginated[T]:
    """Return one page of ``rows``, of which the caller fetched ``query.limit + 1``.

    The extra row is not returned: it shows that there are more. ``total`` may be counted no
    further than ``COUNTED + 1``. ``cursor(last_row)`` is made with ``Cursors.write``.
    """
    shown = list(rows[: query.limit])
    has_more = len(rows) > query.limit
    counted = total <= COUNTED
    return Paginated(
        shown,
        Pagination(
            total=total if counted else None,
            total_at_least=None if counted else COUNTED,
            limit=query.limit,
            offset=query.offset,
            has_more=has_more,
            next_cursor=cursor(shown[-1]) if cursor is not None and has_more else None,
        ),
    )


class Cursors:
    """Writes and reads cursors: opaque to clients, and signed against tampering.

    ``signer`` is the list's own: ``Cursors(site.signer("petitions.list"))``. A cursor of one list
    is invalid in another.
    """

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def write(self, *values: Any) -> str:
        """Return a cursor of the last row's sort values, which JSON must be able to hold."""
        return self._signer.write(values)

    def after(self, query: CursorQuery) -> list[Any] | None:
        """Return the sort values after which the page begins; ``None`` for the first page."""
        return None if query.cursor is None else self.read(query.cursor)

    def read(self, cursor: str) -> list[Any]:
        """Return the values that ``write`` was given; raises ``Invalid`` for any other text."""
        try:
            return self._signer.read(cursor, list[Any])
        except BadSignature:
            raise _foreign_cursor() from None


def _foreign_cursor() -> Invalid:
    return Invalid(
        [FieldError("cursor", Text("This cursor does not belong to this list."), "query")]
    )
