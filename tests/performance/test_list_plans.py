"""Every list of organisers' pages finds its rows by an index: each order with each filter.

Lists are found among the screens of the installed plugins, so a new one is tested without being
named here. An index may be read from one end in its order; nothing reads a whole table, or sorts.
"""

from __future__ import annotations

import itertools
from datetime import datetime
from typing import TYPE_CHECKING, Any

from changemaker_admin.lists.declarations import DateRange, Search
from changemaker_core import KeysetQuery, new_id, utcnow
from tests.performance.test_plans import _POSTGRESQL, _SQLITE, _explain, site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_admin.lists.declarations import DeclaredList
    from changemaker_core import Site

__all__ = ["site"]

#: Lists whose tables stay small, and why.
ACCEPTED = {"/admin/team": "a team is some hundred people"}
#: Lists that may sort where this argument is given, and why.
ACCEPTED_WITH = {
    "/admin/campaigns": ("objects", "the scope of an organiser is some campaigns"),
    "/admin/jobs": ("queue", "its index finds those of a queue, of which some days are kept"),
    "/admin/letters": ("q", "a search is for the letters of one person"),
}


def _lists(site: Site) -> list[DeclaredList]:
    from changemaker_admin.api import ListScreen

    screens = [each.item for each in site.call_hook("admin_register_screens", site=site)]
    return [each for each in screens if isinstance(each, ListScreen)]


def _given(screen: DeclaredList) -> Iterator[dict[str, Any]]:
    """Yield the arguments without a filter, with each, and with all of them."""
    signature = screen.query.signature.parameters
    required = {name: new_id() for name, each in signature.items() if each.default is each.empty}
    filters = [
        {name: _value(screen, each, name) for name in each.parameters} for each in screen.filters
    ]
    yield required
    for each in filters:
        yield required | each
    if screen.on == "*":
        yield required | {"objects": [new_id()]}
    yield dict(itertools.chain(required.items(), *(each.items() for each in filters)))


def _value(screen: DeclaredList, each: Any, name: str) -> Any:
    if isinstance(each, DateRange):
        return utcnow()
    if isinstance(each, Search):
        return new_id()
    kind = screen.query.annotations.get(name)
    return 1 if kind is not None and "int" in str(kind) else new_id()


def orders_of(screen: DeclaredList) -> set[str]:
    """Return the fields that it is sorted by; a bulk action reads it by its key."""
    by_key = {screen.key} if screen.actions else set()
    return {screen.sort.removeprefix("-"), *screen.sorts, *by_key}


def problems_of(site: Site, screen: DeclaredList) -> list[str]:
    """Return what reads or sorts too much, with the order and the filters."""
    wrong = _SQLITE if site.db.dialect == "sqlite" else _POSTGRESQL
    found = []
    slow_with, _ = ACCEPTED_WITH.get(screen.path, (None, ""))
    for name in orders_of(screen):
        for sort, given in itertools.product((name, f"-{name}"), _given(screen)):
            if slow_with in given:
                continue
            keyset = KeysetQuery(screen.query, sort, screen.key)
            after = [
                utcnow() if kind is datetime else 1 if kind is int else new_id()
                for kind in keyset._types
            ]
            for position in (None, after):
                plan, values = keyset.page(given, limit=51, after=position).prepare(site.db.dialect)
                explained = site.db.sync.write(_explain, plan.sql, values)
                filters = sorted(given)
                found += [
                    f"{screen.path} by {sort} with {filters}: {line}"
                    for line in explained
                    if wrong.search(line)
                ]
    return sorted(set(found))


def test_every_list_uses_an_index(site: Site) -> None:
    lists = [each for each in _lists(site) if each.path not in ACCEPTED]
    assert lists
    found = [problem for screen in lists for problem in problems_of(site, screen)]
    assert not found, "\n".join(found)


def test_what_may_be_slow_is_still_there(site: Site) -> None:
    assert ACCEPTED.keys() | ACCEPTED_WITH.keys() <= {each.path for each in _lists(site)}
