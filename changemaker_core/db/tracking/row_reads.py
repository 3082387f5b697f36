"""Queries that certainly read only rows with known primary keys of a table.

A key is known from a parameter (``WHERE ("t1"."id" = ?)``), also by way of a join. Or it is known
from the result: where a query can have one row at most, and has one, then nothing but a change of
the very rows that it was made of can change it. Everything else reads the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from changemaker_core.db.tracking.models import Key, columns_of, key_of, known_tables
from changemaker_core.db.tracking.syntax import conjuncts, is_name, leaves, parse, split

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from changemaker_core.db.tracking.syntax import Tree

    #: The position of a parameter, or a source's name and a column of it; and two that are equal.
    Place = int | tuple[str, str]
    Pair = tuple[Place, Place]

#: All that may come after the condition.
_ORDERING = frozenset("ORDER BY ASC DESC NULLS FIRST LAST LIMIT OFFSET".split())
_VERBS = frozenset("insert update delete replace merge with".split())


@dataclass(frozen=True, slots=True)
class RowReads:
    """Rows whose keys are parameters or in the result of a query, and whole ``tables``.

    ``given`` and ``found`` are keys with the positions of their values: in the parameters, and in
    the columns of the result.
    """

    tables: frozenset[str]
    given: tuple[tuple[Key, int], ...]
    found: tuple[tuple[Key, int], ...]

    def tags(self, values: Sequence[Any], rows: Sequence[Sequence[Any]]) -> set[str]:
        """Return what was read with these parameters, where the result was ``rows``."""
        tags = {*self.tables}
        for key, position in self.given:
            tags.add(key.tag(values[position]))
        for key, position in self.found:
            tags.add(key.tag(rows[0][position]) if len(rows) == 1 else key.table)
        return tags


class _Source(NamedTuple):
    """A table after ``FROM`` or ``JOIN``, under the name ``alias``.

    ``pairs`` are the equalities of an outer join: they hold for each row of the table that is used,
    and not for each row of the result.
    """

    table: str
    alias: str
    pairs: list[Pair] | None


class _Select(NamedTuple):
    """A query that was understood. ``columns`` has None for anything but a plain column; ``pairs``
    are the equalities that hold for each row of the result."""

    columns: list[Place | None]
    sources: list[_Source]
    pairs: list[Pair]


def find_row_reads(sql: str, tables: frozenset[str]) -> RowReads | None:
    """Return the rows of ``tables`` that ``sql`` reads; None where it reads whole tables only."""
    # NOTE(views): a name that is no model's table may be a view of one that is.
    parsed = parse(sql) if tables <= known_tables() else None
    if parsed is None:
        return None
    tree, _ = parsed
    names = [str(leaf).lstrip('"').lower() for leaf in leaves(tree)]
    select = _read(tree) if _VERBS.isdisjoint(names) else None
    if select is None:
        return None
    once = [source for source in select.sources if names.count(source.table) == 1]
    given = dict(_given(select, once))
    found = {key: at for key, at in _found(select, once) if key not in given}
    whole = tables - {key.table for key in (*given, *found)}
    return RowReads(whole, tuple(given.items()), tuple(found.items())) if whole != tables else None


def _given(select: _Select, sources: list[_Source]) -> Iterator[tuple[Key, int]]:
    """Yield keys that are parameters: known whatever the result is."""
    for source in sources:
        key = key_of(source.table)
        if key is not None:
            positions = [at for at in _equal(select, source, key.column) if isinstance(at, int)]
            yield from ((key, min(positions)) for _ in positions[:1])


def _found(select: _Select, sources: list[_Source]) -> Iterator[tuple[Key, int]]:
    """Yield keys that are columns of the result, where that is one row at most."""
    if None in select.columns or not _is_single(select):
        return
    for source in sources:
        key = key_of(source.table)
        if key is not None:
            places = _equal(select, source, key.column)
            if source.pairs is not None:
                places.discard((source.alias, key.column))  # NULL where there is no such row
            at = next((at for at, place in enumerate(select.columns) if place in places), None)
            if at is not None:
                yield key, at


def _is_single(select: _Select) -> bool:
    """Return whether every table adds at most one row: a unique column equals something known."""
    known: set[str] = set()
    waiting = list(select.sources)
    while waiting:
        single = [source for source in waiting if _is_identified(select, source, known)]
        if not single:
            return False
        known |= {source.alias for source in single}
        waiting = [source for source in waiting if source not in single]
    return True


def _is_identified(select: _Select, source: _Source, known: set[str]) -> bool:
    return any(
        isinstance(place, int) or place[0] in known
        for name, column in columns_of(source.table).items()
        if column.is_unique
        for place in _equal(select, source, name)
    )


def _equal(select: _Select, source: _Source, column: str) -> set[Place]:
    """Return where else the value of a column stands, for each row of ``source`` that is used."""
    pairs = select.pairs + (source.pairs or [])
    places: set[Place] = {(source.alias, column)}
    grown = 0
    while len(places) > grown:
        grown = len(places)
        places.update(each for pair in pairs if not places.isdisjoint(pair) for each in pair)
    return places


# Reading the tree


def _read(tree: Tree) -> _Select | None:
    if tree[:1] != ["SELECT"] or tree.count("FROM") != 1:
        return None
    start = tree.index("FROM")
    sources: list[_Source] = []
    pairs: list[Pair] = []
    rest = _read_sources(tree[start + 1 :], sources, pairs)
    match rest:
        case ["WHERE", list(condition), *end]:
            pairs += _equalities(condition)
            rest = end
    if not sources or any(_is_word(node) and node not in _ORDERING for node in rest):
        return None
    columns = [_column(part) for part in split(tree[1:start])]
    return _Select(columns, *_comparable(sources, pairs))


def _read_sources(tree: Tree, sources: list[_Source], pairs: list[Pair]) -> Tree:
    """Add the tables and their equalities; return the rest of the tree."""
    match tree:
        case [str(table), "AS", str(alias), *rest] if is_name(table) and is_name(alias):
            sources.append(_Source(table[1:], alias, None))
        case _:
            return tree
    while True:
        match rest:
            case ["INNER", "JOIN", str(table), "AS", str(alias), "ON", list(condition), *rest]:
                sources.append(_Source(table[1:], alias, None))
                pairs += _equalities(condition)
            case [
                "LEFT", "OUTER", "JOIN", str(table), "AS", str(alias), "ON", list(condition), *rest
            ]:  # fmt: skip
                sources.append(_Source(table[1:], alias, _equalities(condition)))
            case _:
                return rest


def _equalities(condition: Tree) -> list[Pair]:
    found: list[Pair] = []
    for part in conjuncts(condition):
        match part:
            case [str(alias), ".", str(column), "=", int(position)]:
                found.append(((alias, column[1:]), position))
            case [str(alias), ".", str(column), "=", str(other), ".", str(its)]:
                found.append(((alias, column[1:]), (other, its[1:])))
    return found


def _column(part: Tree) -> Place | None:
    match part:
        case [str(alias), ".", str(column)] | [str(alias), ".", str(column), "AS", str()]:
            return alias, column[1:]
    return None


def _is_word(node: object) -> bool:
    return isinstance(node, str) and node.isidentifier()


def _comparable(sources: list[_Source], pairs: list[Pair]) -> tuple[list[_Source], list[Pair]]:
    """Drop the equalities of columns whose values are not compared alike."""
    tables = {source.alias: source.table for source in sources}

    def canonical(alias: str, name: str) -> object:
        column = columns_of(tables.get(alias, "")).get(name)
        return column and column.canonical

    def holds(pair: Pair) -> bool:
        kinds = {canonical(*place) for place in pair if not isinstance(place, int)}
        return len(kinds) == 1 and None not in kinds

    def without(pairs: list[Pair]) -> list[Pair]:
        return [pair for pair in pairs if holds(pair)]

    return [
        source._replace(pairs=without(source.pairs)) if source.pairs else source
        for source in sources
    ], without(pairs)
