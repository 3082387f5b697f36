"""Lists: one page of many rows, and how to ask for the next."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta

from changemaker_core.http.errors import FieldError, Invalid
from changemaker_core.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

#: Totals are exact up to here; counting further costs more than anybody gains from it.
COUNTED = 10_000
_MAC_BYTES = 12


class ListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What every list takes: ``limit`` rows from ``offset`` on.

    Derive from it to add a list's own filters.
    """

    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    offset: Annotated[int, Meta(ge=0, le=COUNTED)] = 0


class CursorQuery(ListQuery, frozen=True, kw_only=True):
    """What a list without end takes too: ``cursor``, the last page's ``next_cursor``.

    Every page costs the same, and a row that is added meanwhile moves no other to the next page.
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
    """One page of ``rows``, of which the caller fetched ``query.limit + 1``.

    The row too many is not shown; it says that there are more. ``total`` may be counted no
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
    """Writes and reads cursors: opaque to clients, and refused where they were tampered with.

    ``purpose`` is the list's name: a cursor of one list is not good for another. ``secret`` is the
    site's.
    """

    def __init__(self, secret: str, purpose: str) -> None:
        self._key = hashlib.blake2b(
            purpose.encode(), key=hashlib.sha256(secret.encode()).digest()
        ).digest()

    def write(self, *values: Any) -> str:
        """A cursor that stands for the last row's sort values (what JSON can hold)."""
        payload = msgspec.json.encode(values)
        return base64.urlsafe_b64encode(self._mac(payload) + payload).decode().rstrip("=")

    def after(self, query: CursorQuery) -> list[Any] | None:
        """The sort values after which the page begins; ``None`` for the first page."""
        return None if query.cursor is None else self.read(query.cursor)

    def read(self, cursor: str) -> list[Any]:
        """The values that ``write`` was given; raises ``Invalid`` for anything it did not make."""
        try:
            raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        except ValueError:
            raise _not_ours() from None
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(payload)):
            raise _not_ours()
        values: list[Any] = msgspec.json.decode(payload)
        return values

    def _mac(self, payload: bytes) -> bytes:
        return hashlib.blake2b(payload, key=self._key, digest_size=_MAC_BYTES).digest()


def _not_ours() -> Invalid:
    return Invalid(
        [FieldError("cursor", Text("This cursor does not belong to this list."), "query")]
    )
