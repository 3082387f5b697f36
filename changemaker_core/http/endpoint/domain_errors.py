"""Tables that map a plugin's own exceptions to problems: ``errors`` of a resource or a plugin.

So a service raises what it means, ``EventFull``, and knows nothing of HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from changemaker_core.http.errors import Problem
from changemaker_core.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What an exception becomes: a problem, or a function that returns one for the exception.
Entry = Problem | Callable[[Any], Problem]
Table = Mapping[type[Exception], Entry]


class DomainErrors:
    """The tables that apply to one responder, the most particular first."""

    def __init__(self, *tables: Table) -> None:
        self.tables = tuple(table for table in tables if table)

    def problem_of(self, error: Exception) -> Problem | None:
        """Return the problem for ``error``; ``None`` where no table has its class or a base of it.

        The entry of the nearest class counts. A problem without a detail takes the exception's
        text, where that is a ``Text``.
        """
        for table in self.tables:
            for kind in type(error).__mro__:
                entry = table.get(kind)
                if isinstance(entry, Problem):
                    return _with_detail(entry, error)
                if entry is not None:
                    return entry(error)
        return None


def _with_detail(known: Problem, error: Exception) -> Problem:
    # A copy: the table's own would keep the traceback of whoever raised it last.
    detail = known.detail
    if detail is None and error.args and isinstance(error.args[0], Text):
        detail = error.args[0]
    return Problem(
        known.status,
        known.code,
        known.title,
        detail=detail,
        errors=known.errors,
        headers=known.headers,
    )


def table_of(holder: Any) -> Table:
    """Return the table of a resource or plugin; an empty one where it has none."""
    table = getattr(holder, "errors", None)
    return table if isinstance(table, Mapping) else {}


def table_problems(holder: Any) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the table of a resource or plugin, and how to fix it."""
    name = type(holder).__name__
    table = getattr(holder, "errors", None)
    if table is not None and not isinstance(table, Mapping):
        yield f"{name}.errors is no mapping.", "Write `errors = {EventFull: Conflict(…)}`."
    for kind, entry in table_of(holder).items():
        if problem := _key_problem(kind):
            yield f"{name}.errors has {_written(kind)}, which {problem}", _KEYS
        elif not (isinstance(entry, Problem) or (callable(entry) and not isinstance(entry, type))):
            yield f"{name}.errors maps {_written(kind)} to {entry!r}, which is no problem.", _VALUES
    for attribute in _misnamed(holder):
        problem = f"{name}.{attribute} maps exceptions to problems, but is never read."
        yield problem, "Call it `errors`."


_KEYS = "Give the plugin's own exceptions as keys, classes derived from Exception."
_VALUES = 'Give an instance such as `Conflict(code="event_full")`, or a function that returns one.'


def _key_problem(kind: Any) -> str | None:
    if not (isinstance(kind, type) and issubclass(kind, BaseException)):
        return "is no class of exceptions."
    if not issubclass(kind, Exception):
        return "never reaches it: it ends the request or the process."
    if issubclass(kind, Problem):
        return "never reaches it: it is a response already."
    if kind is Exception:
        return "would make a response of every programming error."
    return None


def _misnamed(holder: Any) -> Iterator[str]:
    """Yield class attributes that are such a table under another name."""
    for name, value in vars(type(holder)).items():
        if name == "errors" or not isinstance(value, Mapping) or not value:
            continue
        if all(_is_entry(*pair) for pair in value.items()):
            yield name


def _is_entry(kind: Any, entry: Any) -> bool:
    exceptional = isinstance(kind, type) and issubclass(kind, BaseException)
    return exceptional and isinstance(entry, Problem)


def _written(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else repr(kind)
