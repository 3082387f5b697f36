"""What is said to have been written or read: a table, or some rows of it.

A tag is a table's name, or ``table#03f``: the rows of the table whose primary keys fall into one of
1,024 buckets. So there are never many tags, however many rows there are, and whatever counts
changes by tag stays small. A row's bucket is the same in every process.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

BUCKETS = 1024
#: Of a transaction that wrote more rows of one table than this, it is said that it wrote the table.
MOST_ROWS = 16


@lru_cache(maxsize=1024)
def row_tags(table: str) -> tuple[str, ...]:
    """The tags of the rows of ``table``, by bucket."""
    return tuple(f"{table}#{bucket:03x}" for bucket in range(BUCKETS))


def table_of(tag: str) -> str:
    """The table that a tag speaks of."""
    return tag.partition("#")[0]


def tables_of(tags: Iterable[str]) -> frozenset[str]:
    """The tables that tags speak of."""
    return frozenset(map(table_of, tags))


# A change concerns a reader where it is told on a channel on which the reader listens. Whoever read
# a row hears of the row's bucket and of the whole table; whoever read a table hears of the table,
# and of any of its rows.


def told_on(tag: str) -> tuple[str, ...]:
    """The channels on which a change of ``tag`` is told."""
    table, rows, _ = tag.partition("#")
    return (tag, table + "#") if rows else (tag,)


def heard_on(tag: str) -> tuple[str, str]:
    """The channels on which whoever read ``tag`` listens."""
    table, rows, _ = tag.partition("#")
    return (tag, table) if rows else (tag, table + "#")


def channels_of(tags: Iterable[str]) -> frozenset[str]:
    """All channels on which whoever read ``tags`` listens."""
    return frozenset(channel for tag in tags for channel in heard_on(tag))


def coarsened(tags: frozenset[str]) -> frozenset[str]:
    """``tags`` with a table in place of very many of its rows."""
    if len(tags) <= MOST_ROWS:
        return tags
    counts = Counter(map(table_of, tags))
    whole = {table for table, count in counts.items() if count > MOST_ROWS or table in tags}
    return frozenset(tag for tag in tags if table_of(tag) not in whole) | whole
