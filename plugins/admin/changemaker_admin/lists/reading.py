"""One page of rows of a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from changemaker_admin.lists.state import ListState
    from changemaker_core import Request

#: Rows of a page.
LIMIT: Final = 50
#: Totals are exact up to here; counting further costs more than it is worth.
COUNTED: Final = 10_000


@dataclass(frozen=True, slots=True)
class ListPage:
    """The rows of a page, the cursors of its neighbours, and how many rows there are.

    ``total`` is None where there are more than ``COUNTED``.
    """

    rows: list[Any]
    total: int | None
    before: str | None = None
    behind: str | None = None

    @property
    def counted(self) -> int:
        """How far the total is exact."""
        return COUNTED


async def read_page(req: Request, state: ListState) -> ListPage:
    """Return the page that ``state`` asks for."""
    total = await req.site.db.count(state.screen.query(**state.arguments), COUNTED)
    rows, before, behind = await _read_rows(req, state)
    enrich = state.screen.enrich
    return ListPage(
        rows if enrich is None else list(await enrich(req.site, rows)),
        total if total <= COUNTED else None,
        state.cursor(req, rows[0], backward=True) if before and rows else None,
        state.cursor(req, rows[-1]) if behind and rows else None,
    )


async def _read_rows(req: Request, state: ListState) -> tuple[list[Any], bool, bool]:
    """Return the rows, and whether there are any before them and behind them."""
    position = state.position
    if state.backward and position is not None:
        query = state.keyset(reverse=True)
        bound = query.page(state.arguments, limit=LIMIT + 1, after=position)
        rows = await req.site.db.all(bound)
        if len(rows) > LIMIT:
            return rows[LIMIT - 1 :: -1], True, True
        position = None  # the first page, with as many rows as any other
    bound = state.keyset().page(state.arguments, limit=LIMIT + 1, after=position)
    rows = await req.site.db.all(bound)
    return rows[:LIMIT], position is not None, len(rows) > LIMIT
