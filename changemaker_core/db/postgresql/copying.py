"""Rows that are written by ``COPY``, PostgreSQL's way for many of them."""

from __future__ import annotations

import io
import itertools
import re
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg2
from psycopg2.extensions import Binary

from changemaker_core.db.errors import as_peewee_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from changemaker_core.db.writes.bulk import BulkInsert

#: How much is sent by one ``COPY``: between two, the caller's code makes the next rows.
CHUNK_CHARACTERS = 1 << 20
_STAGE = '"changemaker_rows_{}"'
_NUMBER = '"changemaker_number"'
#: Where PostgreSQL found an error, in the language of its messages: ``COPY table, line 12: …``.
_LINE = re.compile(r"COPY [^,]+, \D*(\d+)")
_stages = itertools.count(1)


def copy_rows(database: Any, bulk: BulkInsert, rows: Iterable[Sequence[Any]]) -> int:
    """Insert ``rows``; return how many were inserted or updated.

    Where conflicts are no errors, the rows come into a table of this transaction first. Of rows
    with the same key the last one is taken where rows are updated, and else the first.
    """
    cursor = database.cursor(tracked=True)
    names = ", ".join(bulk.names)
    try:
        if bulk.on_conflict == "error":
            return _copy(cursor, bulk, f"{bulk.table} ({names})", _lines(bulk, rows))
        stage = _STAGE.format(next(_stages))
        columns = f"SELECT {names}, 0::bigint AS {_NUMBER} FROM {bulk.table} WITH NO DATA"  # noqa: S608  # made of names alone
        cursor.execute(f"CREATE TEMP TABLE {stage} ON COMMIT DROP AS {columns}")
        _copy(cursor, bulk, stage, _lines(bulk, rows, numbered=True))
        cursor.execute(bulk.sql(f"SELECT {names} FROM {_chosen(bulk, stage)}"))  # noqa: S608  # made of names alone
        count: int = cursor.rowcount
        cursor.execute(f"DROP TABLE {stage}")
    except psycopg2.Error as error:
        raise as_peewee_error(error) from error
    return count


def _chosen(bulk: BulkInsert, stage: str) -> str:
    """Return the rows of ``stage`` that are to be inserted, as a source of a query."""
    if bulk.on_conflict == "skip":
        return f"{stage} ORDER BY {_NUMBER}"
    # A key with NULL in it is equal to none.
    is_null = " OR ".join(f"{name} IS NULL" for name in bulk.key)
    key = f"{', '.join(bulk.key)}, CASE WHEN {is_null} THEN {_NUMBER} END"
    return f"(SELECT DISTINCT ON ({key}) * FROM {stage} ORDER BY {key}, {_NUMBER} DESC) AS chosen"  # noqa: S608  # made of names alone


def _copy(cursor: Any, bulk: BulkInsert, target: str, lines: Iterator[str]) -> int:
    # The caller's code runs between two statements, so that it may use the database as well.
    count, size, buffer = 0, 0, io.StringIO()
    for line in itertools.chain(lines, [""]):
        size += buffer.write(line)
        if size >= CHUNK_CHARACTERS or not line:
            buffer.seek(0)
            try:
                cursor.copy_expert(f"COPY {target} FROM STDIN", buffer)
            except psycopg2.Error as error:
                refused = as_peewee_error(error)
                if found := _LINE.match(error.diag.context or ""):
                    bulk.add_note(refused, count + int(found[1]))
                raise refused from error
            count, size, buffer = count + cursor.rowcount, 0, io.StringIO()
    return count


def _lines(
    bulk: BulkInsert, rows: Iterable[Sequence[Any]], *, numbered: bool = False
) -> Iterator[str]:
    """Yield each row as a line of ``COPY``'s text format."""
    for number, values in enumerate(bulk.values(rows), 1):
        cells = [_TEXT.get(type(value), _other)(value) for value in values]
        if numbered:
            cells.append(str(number))
        yield "\t".join(cells) + "\n"


def _escape(text: str) -> str:
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if "\n" in text or "\r" in text or "\t" in text:
        text = text.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return text


def _bytes(value: Any) -> str:
    return "\\\\x" + bytes(value).hex()


#: How a value is written; ``\\N`` is NULL.
_TEXT: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "\\N",
    str: _escape,
    bool: lambda value: "t" if value else "f",
    **dict.fromkeys((int, float, Decimal, UUID, datetime, date, time), str),
    **dict.fromkeys((bytes, bytearray, memoryview), _bytes),
    Binary: lambda value: _bytes(value.adapted),
}


def _other(value: Any) -> str:
    """Write a value of a class that is derived from a known one."""
    for kind in type(value).__mro__:
        if kind in _TEXT:
            return _TEXT[kind](kind(value) if kind in (int, float) else value)
    raise TypeError(f"insert_rows cannot write {value!r}: use a plain value")
