"""Statements that certainly write only rows whose primary keys are parameters.

They are recognised by their exact text, as peewee writes it:

    UPDATE "t" SET … WHERE ("t"."key" = ?)
    DELETE FROM "t" WHERE (("t"."key" = ?) AND (…))
    INSERT INTO "t" ("key", …) VALUES (?, …), (?, …) ON CONFLICT DO NOTHING

and ``ON CONFLICT ("key") DO UPDATE SET …``. Everything else writes the table.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from changemaker_core.db.tracking.models import Key, follow_cascades, key_of
from changemaker_core.db.tracking.syntax import conjuncts, is_name, leaves, parse, split
from changemaker_core.db.tracking.tags import MOST_ROWS

if TYPE_CHECKING:
    from collections.abc import Set

    from changemaker_core.db.tracking.syntax import Tree

_BEGINNINGS = ("INSERT ", "UPDATE ", "DELETE ")
_VERBS = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "WITH"})

#: SQLite's other names for an integer key.
_ROW_NUMBERS = frozenset({'"rowid', '"oid', '"_rowid_'})


@dataclass(frozen=True, slots=True)
class RowWrites:
    """Rows whose keys are at ``positions`` of a statement's parameters.

    ``cascades`` are the tables that its cascades reach.
    """

    key: Key
    positions: tuple[int, ...]
    parameters: int
    cascades: frozenset[str]

    def tags(self, values: Any) -> Set[str]:
        """Return what is written with these parameters."""
        tags = {*self.cascades}
        if not isinstance(values, (list, tuple)) or len(values) != self.parameters:
            tags.add(self.key.table)
            return tags
        for position in self.positions:
            tags.add(self.key.tag(values[position]))
        return tags


class _Found(NamedTuple):
    """A statement that was understood; ``verbs`` is all that it does."""

    key: Key
    positions: list[int]
    verbs: tuple[str, ...]


def find_row_writes(sql: str) -> RowWrites | None:
    """Return the rows that ``sql`` writes; None where it may write other rows or tables."""
    parsed = parse(sql) if sql.startswith(_BEGINNINGS) else None
    found = _find(parsed[0]) if parsed is not None else None
    if parsed is None or found is None:
        return None
    tree, parameters = parsed
    table = found.key.table
    cascades = frozenset[str]().union(*(follow_cascades(table, verb) for verb in found.verbs))
    more = sum(leaf in _VERBS for leaf in leaves(tree)) != len(found.verbs)
    if more or table in cascades or not 0 < len(found.positions) <= MOST_ROWS:
        return None
    return RowWrites(found.key, tuple(found.positions), parameters, cascades)


def _find(tree: Tree) -> _Found | None:
    if tree[:3] == ["INSERT", "OR", "IGNORE"]:
        tree = ["INSERT", *tree[3:]]
    match tree:
        case ["UPDATE", str(table), "SET", *rest] if key := _key(table):
            return _find_update(key, rest)
        case ["DELETE", "FROM", str(table), "WHERE", list(condition), *rest] if key := _key(table):
            return _Found(key, _positions(key, condition), ("DELETE",)) if _ends(rest) else None
        case ["INSERT", "INTO", str(table), list(columns), "VALUES", *rest] if key := _key(table):
            return _find_insert(key, columns, rest)
    return None


def _key(table: str) -> Key | None:
    return key_of(table[1:]) if table.startswith('"') else None


def _find_update(key: Key, rest: Tree) -> _Found | None:
    where = rest.index("WHERE") if "WHERE" in rest else len(rest)
    match rest[where + 1 :]:
        case [list(condition), *end] if _ends(end) and _keeps_key(key, rest[:where]):
            return _Found(key, _positions(key, condition), ("UPDATE",))
    return None


def _find_insert(key: Key, columns: Tree, rest: Tree) -> _Found | None:
    names = [name for name in columns if name != ","]
    if names.count(f'"{key.column}') != 1 or not _ROW_NUMBERS.isdisjoint(leaves(columns)):
        return None
    rows = list(itertools.takewhile(lambda node: isinstance(node, list) or node == ",", rest))
    verbs = _verbs_of_insert(key, rest[len(rows) :])
    values = [_value(row, names.index(f'"{key.column}'), len(names)) for row in split(rows)]
    positions = [value for value in values if value is not None]
    return _Found(key, positions, verbs) if verbs and len(positions) == len(values) else None


def _value(row: Tree, index: int, length: int) -> int | None:
    """Return the position of the parameter that is a row's value at ``index``."""
    match row:
        case [list(written)] if len(values := split(written)) == length:
            match values[index]:
                case [int(position)]:
                    return position
    return None


def _verbs_of_insert(key: Key, end: Tree) -> tuple[str, ...]:
    """Return what an ``INSERT`` does to rows of its keys; nothing where it may change others."""
    match end:
        case ["ON", "CONFLICT", "DO", "NOTHING", *rest] if _ends(rest):
            return ("INSERT",)
        case ["ON", "CONFLICT", list(), "DO", "NOTHING", *rest] if _ends(rest):
            return ("INSERT",)
        case ["ON", "CONFLICT", [column], "DO", "UPDATE", "SET", *rest]:
            assignments = rest[: rest.index("RETURNING")] if "RETURNING" in rest else rest
            known = column == f'"{key.column}' and _keeps_key(key, assignments)
            return ("INSERT", "UPDATE") if known else ()
    return ("INSERT",) if _ends(end) else ()


def _ends(rest: Tree) -> bool:
    return not rest or rest[0] == "RETURNING"


def _keeps_key(key: Key, assignments: Tree) -> bool:
    """Return whether each assignment is to one column other than the key."""
    key_names = _ROW_NUMBERS | {f'"{key.column}'}
    for assignment in split(assignments):
        match assignment:
            case [str(column), "=", *_] if is_name(column) and column not in key_names:
                continue
        return False
    return True


def _positions(key: Key, condition: Tree) -> list[int]:
    """Return the position of the key's value in a condition that holds for no other row."""
    for part in conjuncts(condition):
        match part:
            case [table, ".", column, "=", int(position)]:
                if (table, column) == (f'"{key.table}', f'"{key.column}'):
                    return [position]
    return []
