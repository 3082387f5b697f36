"""What is wrong with the declaration of a list screen: found when the site is built."""

from __future__ import annotations

import inspect
import re
import string
from typing import TYPE_CHECKING, Any, Final

import msgspec

from changemaker_admin.lists.declarations import RESERVED, DeclaredList
from changemaker_core import Compiled, KeysetQuery, QueryRefused
from changemaker_core import did_you_mean as like

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    #: A problem in whole sentences, and how to fix it.
    Found = tuple[str, str]

PARAMETER: Final = re.compile(r"\{([^{}:]*)(?::[^{}]*)?\}")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")


def problems_of(screen: DeclaredList) -> Iterator[Found]:
    """Yield what is wrong with a screen by itself."""
    one = f"The list screen {screen.path}"
    query: Any = screen.query
    if not isinstance(query, Compiled) or not _is_struct(query.row):
        fix = "Give it a function marked with @compiled(Row), where Row is a msgspec Struct."
        yield f"{one} has query={query!r}, which is no compiled query of Structs.", fix
        return
    yield from ((f"{one} {problem}", fix) for problem, fix in _of_parts(screen))


def _of_parts(screen: DeclaredList) -> Iterator[Found]:
    yield from _of_orders(screen)
    yield from _of_parameters(screen)
    for column in screen.columns:
        yield from _of_column(screen, column)
    for action in screen.actions:
        yield from _of_action(action)
    names = {
        "column": [each.name for each in screen.columns],
        "filter": [name for each in screen.filters for name in (each.name, *each.parameters)],
        "action": [each.name for each in screen.actions],
    }
    for kind, given in names.items():
        # A choice has its own name as its parameter.
        for name in sorted({n for n in given if given.count(n) > (2 if kind == "filter" else 1)}):
            yield f"has two {kind}s called {name!r}.", "Give each a name of its own."
    for name in sorted(set(names["filter"]).intersection(RESERVED)):
        yield f"has a filter called {name!r}, a name of the list’s own.", "Choose another name."


def _of_orders(screen: DeclaredList) -> Iterator[Found]:
    for name in (screen.key, *screen.sorts):
        try:
            KeysetQuery(screen.query, name, screen.key)
        except QueryRefused as refusal:
            fix = "Sort by fields that each row has, and that an index has in this order."
            yield f"cannot be sorted by {name!r}: {refusal}.", fix
    if screen.sort.removeprefix("-") not in (screen.key, *screen.sorts):
        fix = "Name a column with sort=True, or the key; a - before it reverses the order."
        yield f"has sort={screen.sort!r}, by which it cannot be sorted.", fix


def _of_parameters(screen: DeclaredList) -> Iterator[Found]:
    taken = screen.query.signature.parameters
    by_filter = [name for each in screen.filters for name in each.parameters]
    given = [
        *PARAMETER.findall(screen.path),
        *by_filter,
        *(["objects"] if screen.on == "*" else []),
    ]
    for name in given:
        if name not in taken:
            known = like(name, taken)
            fix = f"Let the query take `{name}`, of which None is everything.{known}"
            yield f"has the parameter {name!r}, which its query does not take.", fix
    for name, parameter in taken.items():
        if parameter.default is parameter.empty and name not in given:
            fix = "Give it a default, a filter of this name, or a parameter of the path."
            yield f"has a query that requires {name!r}, which nothing provides.", fix
        if parameter.default is parameter.empty and name in by_filter:
            yield f"has the filter {name!r}, which its query requires.", f"Write `{name}=None`."


def _of_column(screen: DeclaredList, column: Any) -> Iterator[Found]:
    fields = screen.query.row.__struct_fields__
    if column.value is None and not hasattr(screen.query.row, column.name):
        fix = f"Name a field of the row, or give value=.{like(column.name, fields)}"
        yield f"has the column {column.name!r}, which {screen.query.row.__name__} lacks.", fix
    if not _NAME.fullmatch(column.name):
        yield f"has the column {column.name!r}.", "Name it with a-z, 0-9 and _, a letter first."
    for _, name, _, _ in string.Formatter().parse(column.link or ""):
        if name is not None and not hasattr(screen.query.row, name):
            fix = f"Put fields of the row in braces.{like(name, fields)}"
            yield f"has a link {column.link!r} with {name!r}, which is no field.", fix


def _of_action(action: Any) -> Iterator[Found]:
    if not action.permission:
        fix = "Name the permission that its service requires: permission=WRITE."
        yield f"has the action {action.name!r} without a permission.", fix
    if not re.fullmatch(r"[a-z][a-z0-9-]*", action.name):
        yield f"has the action {action.name!r}.", "Name it with a-z, 0-9 and -, a letter first."
    for called, function in (("run", action.run), ("undo", action.undo)):
        if function is not None and not _takes_two(function):
            fix = f"Write `def {called}(tx, key)`, a plain function."
            yield f"has the action {action.name!r}, whose {called} cannot be called so.", fix


def _takes_two(function: Callable[..., Any]) -> bool:
    if inspect.iscoroutinefunction(function):
        return False
    try:
        inspect.signature(function).bind(None, "")
    except TypeError:
        return False
    return True


def _is_struct(row: Any) -> bool:
    return isinstance(row, type) and issubclass(row, msgspec.Struct)
