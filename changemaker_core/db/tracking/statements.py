"""What a SQL statement reads and writes, told from its text: tables, or rows of a table.

It errs on the safe side: a table too many costs a cache entry, one too few would show old data.
What a trigger writes is not in the text and is not seen.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from changemaker_core.db.tracking.cascades import follow_cascades, known_tables
from changemaker_core.db.tracking.keys import forget_keys
from changemaker_core.db.tracking.row_writes import RowWrites, find_row_writes

if TYPE_CHECKING:
    from collections.abc import Iterator, Set

_NOTHING: frozenset[str] = frozenset()
#: Texts longer than this (bulk inserts) are looked at each time rather than remembered.
_REMEMBERED = 10_000
_TOKEN = re.compile(
    r"""
      --[^\n]* | /\*.*?\*/                    # comments
    | '(?:[^']|'')*'                          # texts
    | (?P<dollar>\$(?:[A-Za-z_]\w*)?\$)       # PostgreSQL's other quotes: not followed
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
#: ``UPDATE`` after these is no statement: FOR UPDATE, DO UPDATE, NO KEY UPDATE, ON UPDATE.
_NO_STATEMENT = frozenset({"FOR", "DO", "KEY", "ON"})


def tags_written(sql: str, values: Any = None) -> Set[str] | None:
    """What ``sql`` writes with ``values`` for parameters, cascades included: see ``tags``.

    None when that cannot be told. Without ``values`` it is told by tables.
    """
    found = _remembered_writes(sql) if len(sql) <= _REMEMBERED else _find_tables(sql)
    return found.tags(values) if isinstance(found, RowWrites) else found


def tables_read(sql: str) -> frozenset[str]:
    """The tables that ``sql`` mentions as sources."""
    return _remembered_reads(sql) if len(sql) <= _REMEMBERED else _find_reads(sql)


def forget_statements() -> None:
    """Drop what was remembered: a new model may bring a new table or cascade."""
    forget_keys()
    _remembered_writes.cache_clear()
    _remembered_reads.cache_clear()


def _find_writes(sql: str) -> RowWrites | frozenset[str] | None:
    return find_row_writes(sql) or _find_tables(sql)


def _find_tables(sql: str) -> frozenset[str] | None:
    head = _HEAD.match(sql)
    if head is not None and not _has_with(sql) and ";" not in sql.rstrip("; \n"):
        return _expand({(_verb(head, sql), head["table"].lower())})
    return _walk_writes(sql)


def _has_with(sql: str) -> bool:
    # PostgreSQL writes in a WITH clause too; a WITH inside of a text only costs the slower walk.
    return "with" in sql.lower()


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
        return _NOTHING if not words else None
    tokens = [word for word in words if word is not None]
    writes: set[tuple[str, str]] = set()
    for first in _statement_starts(tokens):
        if first not in _HARMLESS and first not in _VERBS and first != "WITH":
            return None
    for index, token in enumerate(tokens):
        if token in _VERBS and (index == 0 or tokens[index - 1] not in _NO_STATEMENT):
            table = _target(tokens, index)
            if table is not None:
                writes.add((_effect(token, tokens), table))
    return _expand(writes)


def _effect(verb: str, tokens: list[str]) -> str:
    return "UPDATE" if verb == "INSERT" and "DO" in tokens else verb


_VERBS = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE"})
_FILLERS = frozenset({"INTO", "FROM", "ONLY", "OR", "IGNORE", "ABORT", "FAIL", "ROLLBACK"})


def _statement_starts(tokens: list[str]) -> Iterator[str]:
    start = True
    for word in tokens:
        if word == ";":
            start = True
        elif start and word != "(":
            yield word
            start = False


def _target(tokens: list[str], index: int) -> str | None:
    """The table named after a verb: quoted names keep a leading quote, words are upper-case."""
    position = index + 1
    while position < len(tokens) and (tokens[position] in _FILLERS | {"REPLACE"}):
        position += 1
    if position >= len(tokens) or tokens[position] in {"(", ")", ",", ";"}:
        return None  # replace(a, b, c), the function
    while position + 2 < len(tokens) and tokens[position + 1] == ".":
        position += 2
    return tokens[position].lstrip('"').lower()


def _words(sql: str) -> Iterator[str | None]:
    """Words upper-case, quoted names with a leading quote, marks; None for what is not followed."""
    for found in _TOKEN.finditer(sql):
        if found["word"] is not None:
            yield found["word"].upper()
        elif found["quoted"] is not None:
            yield '"' + found["quoted"].replace('""', '"')
        elif found["mark"] is not None:
            yield found["mark"]
        elif found["dollar"] is not None:
            yield None


def _expand(writes: set[tuple[str, str]]) -> frozenset[str]:
    tables = {table for _, table in writes}
    for verb, table in writes:
        tables |= follow_cascades(table, verb)
    return frozenset(tables)


def _find_reads(sql: str) -> frozenset[str]:
    tokens = [word for word in _words(sql) if word is not None]
    named = {token.lstrip('"').lower() for token in tokens}
    found = named & known_tables()
    for index, token in enumerate(tokens[:-1]):
        if token in {"FROM", "JOIN"} and tokens[index + 1] != "(":
            found.add(_source(tokens, index + 1))
    return frozenset(found)


def _source(tokens: list[str], position: int) -> str:
    while position + 2 < len(tokens) and tokens[position + 1] == ".":
        position += 2
    return tokens[position].lstrip('"').lower()


_remembered_writes = lru_cache(maxsize=4096)(_find_writes)
_remembered_reads = lru_cache(maxsize=4096)(_find_reads)
