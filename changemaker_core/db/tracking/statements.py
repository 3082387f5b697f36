"""Analysis of a SQL statement's text: which tables, or rows of a table, it reads and writes.

It errs on the safe side: a table too many costs a cached response, one too few would show old data.
Writes of triggers are not in the text: ``Meta.also_writes`` of a model names their tables.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

from changemaker_core.db.tracking.models import cached, follow_cascades, known_tables
from changemaker_core.db.tracking.row_reads import find_row_reads
from changemaker_core.db.tracking.row_writes import RowWrites, find_row_writes
from changemaker_core.db.tracking.tags import NOTHING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence, Set

    from changemaker_core.db.tracking.row_reads import RowReads

#: Longer texts (bulk inserts) are analysed each time rather than remembered.
_REMEMBERED = 10_000
_TOKEN = re.compile(
    r"""
      --[^\n]* | /\*.*?\*/                    # comments
    | '(?:[^']|'')*'                          # texts
    | (?P<dollar>\$(?:[A-Za-z_]\w*)?\$)       # PostgreSQL's other quotes: not understood
    | "(?P<quoted>(?:[^"]|"")*)"
    | (?P<word>[A-Za-z_]\w*)
    | (?P<mark>[(),.;])
    """,
    re.VERBOSE | re.DOTALL,
)
_HEAD = re.compile(
    r"""\s*(?:
      (?P<insert>INSERT(?:\s+OR\s+(?P<conflict>\w+))?\s+INTO | REPLACE\s+INTO)
    | (?P<update>UPDATE(?:\s+OR\s+\w+)?)
    | (?P<delete>DELETE\s+FROM)
    )\s+(?:ONLY\s+)?(?:"?\w+"?\s*\.\s*)?"?(?P<table>\w+)"?""",
    re.VERBOSE | re.IGNORECASE,
)
_UPSERT = re.compile(r"\bDO\s+UPDATE\b", re.IGNORECASE)
#: First words of statements that write no table.
_HARMLESS = frozenset(
    "SELECT VALUES EXPLAIN PRAGMA SAVEPOINT RELEASE ROLLBACK BEGIN COMMIT END SET SHOW LISTEN "
    "UNLISTEN NOTIFY LOCK ANALYZE START".split()
)
#: After ``CREATE``: a table that no other connection sees.
_OWN_TABLES = (["TEMP", "TABLE"], ["TEMPORARY", "TABLE"])
#: Words before an ``UPDATE`` that is part of another statement: FOR UPDATE, DO UPDATE, …
_BEFORE_CLAUSE = frozenset({"FOR", "DO", "KEY", "ON"})


class StatementReads:
    """The tables and rows that a statement reads."""

    def __init__(self, sql: str) -> None:
        self._sql = sql
        self.tables = _tables_read(sql)

    @cached_property
    def _rows(self) -> RowReads | None:
        return find_row_reads(self._sql, self.tables)

    def tags(
        self, values: Sequence[Any], rows: Sequence[Sequence[Any]], *, row_tags: bool
    ) -> Set[str]:
        """Return what was read with ``values`` for parameters, where the result was ``rows``.

        Tables only unless ``row_tags``.
        """
        found = self._rows if row_tags else None
        return self.tables if found is None else found.tags(values, rows)

    @property
    def of_models(self) -> bool:
        """Whether every source is the table of a model: nothing notifies of a view by its name."""
        return bool(self.tables) and self.tables <= known_tables()


def statement_reads(sql: str) -> StatementReads:
    """Return what ``sql`` reads: every table that it mentions as a source."""
    return _remembered_reads(sql) if len(sql) <= _REMEMBERED else StatementReads(sql)


def statement_writes(sql: str, values: Any = None) -> Set[str] | None:
    """Return what ``sql`` writes with ``values`` for parameters, cascades included.

    None where that cannot be known. Tables only where ``values`` is None.
    """
    if len(sql) > _REMEMBERED:
        return _find_tables(sql)
    found = _remembered_writes(sql)
    return found.tags(values) if isinstance(found, RowWrites) else found


@cached(4096)
def _remembered_reads(sql: str) -> StatementReads:
    return StatementReads(sql)


@cached(4096)
def _remembered_writes(sql: str) -> RowWrites | frozenset[str] | None:
    return find_row_writes(sql) or _find_tables(sql)


def _find_tables(sql: str) -> frozenset[str] | None:
    head = _HEAD.match(sql)
    # PostgreSQL writes in a WITH clause too; a WITH inside of a text only costs the slower walk.
    if head is not None and "with" not in sql.lower() and ";" not in sql.rstrip("; \n"):
        return _expand({(_verb(head, sql), head["table"].lower())})
    return _walk_writes(sql)


def _verb(head: re.Match[str], sql: str) -> str:
    if head["delete"]:
        return "DELETE"
    if head["update"]:
        return "UPDATE"
    if head["insert"].upper().startswith("REPLACE") or head["conflict"] is not None:
        return "REPLACE"
    return "UPDATE" if _UPSERT.search(sql) else "INSERT"


def _walk_writes(sql: str) -> frozenset[str] | None:
    words = list(_words(sql))
    if not words or None in words:
        return NOTHING if not words else None
    tokens = [word for word in words if word is not None]
    writes: set[tuple[str, str]] = set()
    for first, *more in _statement_starts(tokens):
        if first not in _HARMLESS and first not in _VERBS and first != "WITH":
            if first != "CREATE" or more not in _OWN_TABLES:
                return None
    for index, verb in enumerate(tokens):
        if verb in _VERBS and (index == 0 or tokens[index - 1] not in _BEFORE_CLAUSE):
            table = _target(tokens, index)
            if table is not None:
                updates = verb == "INSERT" and "DO" in tokens
                writes.add(("UPDATE" if updates else verb, table))
    return _expand(writes)


_VERBS = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE"})
_FILLERS = frozenset({"INTO", "FROM", "ONLY", "OR", "IGNORE", "ABORT", "FAIL", "ROLLBACK"})


def _statement_starts(tokens: list[str]) -> Iterator[list[str]]:
    """Yield the first three words of each statement."""
    start = True
    for index, word in enumerate(tokens):
        if word == ";":
            start = True
        elif start and word != "(":
            yield tokens[index : index + 3]
            start = False


def _target(tokens: list[str], index: int) -> str | None:
    """Return the table named after a verb, in lower case."""
    position = index + 1
    while position < len(tokens) and (tokens[position] in _FILLERS | {"REPLACE"}):
        position += 1
    if position >= len(tokens) or tokens[position] in {"(", ")", ",", ";"}:
        return None  # replace(a, b, c), the function
    return _table(tokens, position)


def _words(sql: str) -> Iterator[str | None]:
    """Yield words in upper case, names with a leading quote, marks; None: not understood."""
    for found in _TOKEN.finditer(sql):
        if found["word"] is not None:
            yield found["word"].upper()
        elif found["quoted"] is not None:
            yield '"' + found["quoted"].replace('""', '"')
        elif found["mark"] is not None:
            yield found["mark"]
        elif found["dollar"] is not None:
            yield None


def tables_written(tables: Iterable[str]) -> frozenset[str]:
    """Return everything that a write of any kind to ``tables`` may write, cascades included."""
    return _expand({("WRITE", table.lower()) for table in tables})


def _expand(writes: set[tuple[str, str]]) -> frozenset[str]:
    tables = {table for _, table in writes}
    for verb, table in writes:
        tables |= follow_cascades(table, verb)
    return frozenset(tables)


def _tables_read(sql: str) -> frozenset[str]:
    tokens = [word for word in _words(sql) if word is not None]
    named = {token.lstrip('"').lower() for token in tokens}
    found = named & known_tables()
    for index, token in enumerate(tokens[:-1]):
        if token in {"FROM", "JOIN"} and tokens[index + 1] != "(":
            found.add(_table(tokens, index + 1))
    return frozenset(found)


def _table(tokens: list[str], position: int) -> str:
    """Return the table named at a position, without the name of its schema."""
    while position + 2 < len(tokens) and tokens[position + 1] == ".":
        position += 2
    return tokens[position].lstrip('"').lower()
