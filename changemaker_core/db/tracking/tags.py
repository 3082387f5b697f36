"""Tags: names for what was written or read, a table or some rows of it.

A tag is a table's name, or ``table#03f``: the rows of the table whose primary keys fall into one of
1,024 buckets. So the number of tags is bounded, however many rows there are. A row's bucket is the
same in every process.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: What was written: a set of tags; None where it may be anything.
Tags = frozenset[str] | None

NOTHING: frozenset[str] = frozenset()
BUCKETS = 1024
#: A transaction that wrote more rows of one table than this counts as having written the table.
MOST_ROWS = 16


@lru_cache(maxsize=1024)
def bucket_tags(table: str) -> tuple[str, ...]:
    """Return the tags of the rows of ``table``, by bucket."""
    return tuple(f"{table}#{bucket:03x}" for bucket in range(BUCKETS))


def table_of(tag: str) -> str:
    """Return the table that a tag belongs to."""
    return tag.partition("#")[0]


def tables_of(tags: Iterable[str]) -> frozenset[str]:
    """Return the tables that tags belong to."""
    return frozenset(map(table_of, tags))


# A reader of a row is notified of writes to the row's bucket and to the whole table; a reader of a
# table, of writes to the table and to any of its rows.


def channels_to_notify(tags: Iterable[str]) -> frozenset[str]:
    """Return the channels that a write of ``tags`` notifies: for a row, its bucket and ``table#``,
    for a table, the table."""
    notified: set[str] = set()
    for tag in tags:
        table, is_row, _ = tag.partition("#")
        notified.add(tag)
        if is_row:
            notified.add(table + "#")
    return frozenset(notified)


def channels_to_listen(tags: Iterable[str]) -> frozenset[str]:
    """Return the channels on which a reader of ``tags`` listens: for a row, its bucket and the
    table, for a table, the table and ``table#``."""
    listening: set[str] = set()
    for tag in tags:
        table, is_row, _ = tag.partition("#")
        listening |= {tag, table if is_row else table + "#"}
    return frozenset(listening)


def merge(parts: Iterable[Tags]) -> Tags:
    """Return everything in ``parts``, a table in place of very many of its rows; None as soon as
    one part is None."""
    merged = NOTHING
    for part in parts:
        if part is None:
            return None
        merged |= part
    if len(merged) <= MOST_ROWS:
        return merged
    counts = Counter(map(table_of, merged))
    whole = {table for table, count in counts.items() if count > MOST_ROWS or table in merged}
    return frozenset(tag for tag in merged if table_of(tag) not in whole) | whole
