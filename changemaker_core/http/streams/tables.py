"""Downloads of tables, row by row: the rows and columns of either format."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Mapping
from enum import Enum
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Protocol

from changemaker_core.db import Bound
from changemaker_core.http.streams.streamed import Streamed, close
from changemaker_core.plugin.places import calling_place, located
from changemaker_core.text import Text, did_you_mean

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from changemaker_core.http.request import Request
    from changemaker_core.http.streams.streamed import Header, Outlet
    from changemaker_core.site import Site

Rows = Iterable[Any] | AsyncIterable[Any]
#: A compiled query stands for its rows.
Source = Rows | Bound[Any]
#: What stands in a column, by its heading (text): the name of an attribute, or a function of a row.
Columns = Mapping[Any, str | Callable[[Any], Any]]

#: Rows that are read and written at once.
BATCH = 200


class Reader(Protocol):
    """Who a table is for: a request, or who calls a command."""

    @property
    def site(self) -> Site: ...
    @property
    def locale(self) -> str: ...


class Table(Streamed):
    """Rows and columns as one reader sees them."""

    __slots__ = ("_columns", "_download", "_query", "_rows")

    def __init__(self, rows: Source, columns: Columns, download: str) -> None:
        if not columns:
            raise ValueError("a table has columns")
        self._query: Bound[Any] | None = None
        self._rows: Rows = ()
        if isinstance(rows, Bound):
            _refuse_unknown(rows.query.row, columns)
            self._query = rows
        else:
            self._rows = rows
        self._columns = columns
        self._download = download

    async def send(self, req: Request, headers: list[Header], outlet: Outlet) -> None:
        """Send the response to ``req``, and end the rows however that ends."""
        if self._query is not None:
            self._rows = req.site.db.stream(self._query)
        try:
            await self._send(req, headers, outlet)
        finally:
            await close(self._rows)

    async def _send(self, req: Request, headers: list[Header], outlet: Outlet) -> None:
        raise NotImplementedError

    def cells_of(self, req: Reader) -> Callable[[Any], list[Any]]:
        """Return a function that returns a row's cells, with texts in the reader's language."""
        readers = [attrgetter(c) if isinstance(c, str) else c for c in self._columns.values()]

        def cells(row: Any) -> list[Any]:
            return [_plain(reader(row), req) for reader in readers]

        return cells

    def headings(self, req: Reader) -> list[str]:
        return [str(_plain(heading, req)) for heading in self._columns]


def _refuse_unknown(row: Any, columns: Columns) -> None:
    """Raise ``ValueError`` for a column that rows of a type do not have, before one is sent."""
    for column in columns.values():
        name = column.partition(".")[0] if isinstance(column, str) else ""
        if name and not hasattr(row, name):
            known = [each for each in dir(row) if not each.startswith("_")]
            problem = f"{row.__name__} has no {name!r} for a column.{did_you_mean(name, known)}"
            raise ValueError(located(problem, calling_place()))


def _plain(value: Any, req: Reader) -> Any:
    if isinstance(value, Text):
        return req.site.translations.translate(value, req.locale)
    if isinstance(value, Enum):
        return _plain(value.value, req)
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(str(_plain(each, req)) for each in value)
    # Neither format can hold it.
    return value.replace("\0", "") if isinstance(value, str) else value


def local_time(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return a moment as the clock showed it, which is all that Excel knows."""
    return moment if moment.tzinfo is None else moment.astimezone(zone).replace(tzinfo=None)


async def in_batches(rows: AsyncIterable[Any]) -> AsyncGenerator[list[Any]]:
    """Yield rows in lists of at most ``BATCH``, and close what yields them however that ends."""
    iterator = aiter(rows)
    batch: list[Any] = []
    try:
        async for row in iterator:
            batch.append(row)
            if len(batch) == BATCH:
                yield batch
                batch = []
                await asyncio.sleep(0)  # rows that are there already would hold up other requests
        if batch:
            yield batch
    finally:
        await close(iterator)
