"""How a database runs a statement, and its SQL, as texts without values.

NOTE(personal): PostgreSQL shows a plan with the statement's values, which are people's data.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: A quoted name, which stays, or a quoted text; a quote within either is doubled.
_QUOTED = re.compile(r"""("(?:[^"]|"")*")|'(?:[^']|'')*'""")
_NUMBER = re.compile(r'(?<![\w.$"])\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w"])')
_EXPLAINED = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH)\b", re.IGNORECASE)
#: Where quotes may not be what they seem: comments, dollar quoting, escapes.
_ODD = re.compile(r"--|/\*|\$\w*\$|\\")


def without_values(text: str) -> str:
    """Return SQL with ``?`` in the place of each quoted text."""
    return _QUOTED.sub(lambda found: found[1] or "?", text)


def is_explained(sql: str) -> bool:
    """Return whether ``sql`` has a plan: ``EXPLAIN`` before several statements would run all but
    the first of them."""
    if _EXPLAINED.match(sql) is None or _ODD.search(sql):
        return False
    return ";" not in _QUOTED.sub("", sql)


def sqlite_plan(rows: Iterable[tuple[int, int, int, str]]) -> str:
    """Return the rows of ``EXPLAIN QUERY PLAN`` as an indented text. SQLite shows no values."""
    depths, lines = {0: 0}, []
    for id, parent, _, detail in rows:
        depth = depths.get(parent, 0)
        depths[id] = depth + 1
        lines.append("  " * depth + detail)
    return "\n".join(lines)


def postgresql_plan(rows: Iterable[tuple[str]]) -> str:
    """Return the rows of ``EXPLAIN`` as a text without values; those of a text may be on several
    lines."""
    text = without_values("\n".join(row for (row,) in rows))
    return "\n".join(map(_without_numbers, text.split("\n")))


def _without_numbers(line: str) -> str:
    """Return a line such as ``Filter: (age > 30)`` without numbers; those of a node are
    estimates."""
    name, colon, rest = line.partition(": ")
    if not colon or "(cost=" in line:
        return line
    return name + colon + _NUMBER.sub("?", rest)
