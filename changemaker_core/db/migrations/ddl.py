"""The text of a ``CREATE TABLE``, as SQLite keeps it: its definitions, and their parts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TOKEN = re.compile(
    r"""
      --[^\n]*(?:\n|$) | /\*.*?(?:\*/|$)    # comments
    | '(?:[^']|'')*'                        # text
    | "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\]  # names
    | \w+ | \s+ | .
    """,
    re.VERBOSE | re.DOTALL,
)
#: What begins a definition of the table, where a column's begins with its name.
_OF_TABLE = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"})
#: What begins a part of a column's definition, after its name and type.
_PARTS = frozenset(
    "CONSTRAINT PRIMARY NOT NULL UNIQUE CHECK DEFAULT COLLATE REFERENCES GENERATED AS".split()
)
_DEPTH = {"(": 1, ")": -1}
_COMMA = frozenset(",")


def tokens(sql: str) -> list[str]:
    """Return the words, names, texts, comments, signs and white space of ``sql``."""
    return _TOKEN.findall(sql)


def unquoted(name: str) -> str:
    """Return a name without its quotes."""
    quotes = {'"': '"', "`": "`", "[": "]"}
    closing = quotes.get(name[:1])
    if closing is None:
        return name
    return name[1:-1].replace(closing * 2, closing) if closing != "]" else name[1:-1]


class TableDefinition:
    """A ``CREATE TABLE`` taken apart. ``str()`` puts it together again."""

    def __init__(self, sql: str) -> None:
        parts = tokens(sql)
        start = parts.index("(")
        end = len(parts) - 1 - parts[::-1].index(")")
        self.options = "".join(parts[end + 1 :]).strip()
        self.columns: dict[str, list[str]] = {}
        #: The definitions that are not of one column: keys, checks, unique columns.
        self.constraints: list[str] = []
        for definition in _split(parts[start + 1 : end]):
            if definition[0].upper() in _OF_TABLE:
                self.constraints.append(" ".join("".join(definition).split()))
            else:
                self.columns[unquoted(definition[0])] = list(_column_parts(definition))

    def text(self, table: str) -> str:
        """Return the statement for a table of this name."""
        lines = [" ".join(parts) for parts in self.columns.values()] + self.constraints
        quoted = table.replace('"', '""')
        return f'CREATE TABLE "{quoted}" ({", ".join(lines)}) {self.options}'.rstrip()

    def remove_parts(self, column: str, matches: Callable[[str], bool]) -> None:
        """Remove parts of a column's definition, such as ``NOT NULL``."""
        name, *parts = self.columns[column]
        self.columns[column] = [name, *(part for part in parts if not matches(part))]

    def add_part(self, column: str, part: str) -> None:
        """Add a constraint to a column's definition, before the others."""
        parts = self.columns[column]
        parts.insert(_type_end(parts), part)

    def set_type(self, column: str, kind: str) -> None:
        """Give a column another type."""
        parts = self.columns[column]
        self.columns[column] = [parts[0], kind, *parts[_type_end(parts) :]]

    def checks(self) -> Iterator[str]:
        """Yield each ``CHECK`` as it is written, with its name if it has one."""
        for parts in self.columns.values():
            yield from (part for part in parts[1:] if is_check(part))
        yield from filter(is_check, self.constraints)


def is_check(part: str) -> bool:
    """Return whether this part of a definition is a ``CHECK``."""
    return begins(part, "CHECK")


def begins(part: str, *words: str) -> bool:
    """Return whether a part begins with ``words``, after the name of the constraint if any."""
    found = [token for token in tokens(part) if not token.isspace()]
    if found and found[0].upper() == "CONSTRAINT":
        found = found[2:]
    return tuple(token.upper() for token in found[: len(words)]) == words


def constraint_name(part: str) -> str | None:
    """Return the name of a constraint, None where it has none."""
    found = [token for token in tokens(part) if not token.isspace()]
    return unquoted(found[1]) if found and found[0].upper() == "CONSTRAINT" else None


def _type_end(parts: list[str]) -> int:
    """Return where the constraints of a column begin: after its name and its type, if any."""
    return 2 if len(parts) > 1 and tokens(parts[1])[0].upper() not in _PARTS else 1


def _split(parts: list[str]) -> Iterator[list[str]]:
    """Split at the commas outside of parentheses."""
    depth, current = 0, list[str]()
    for token in parts:
        depth += _DEPTH.get(token, 0)
        if token in _COMMA and depth == 0:
            yield _stripped(current)
            current = []
        elif not token.startswith("--"):  # a comment to the end of the line would hide the rest
            current.append(token)
    yield _stripped(current)


def _stripped(parts: list[str]) -> list[str]:
    while parts and parts[0].isspace():
        parts = parts[1:]
    while parts and parts[-1].isspace():
        parts = parts[:-1]
    return parts


def _column_parts(definition: list[str]) -> Iterator[str]:
    """Yield the name of a column, its type, and each constraint."""
    yield definition[0]
    depth, current = 0, list[str]()
    previous = ""
    for token in definition[1:]:
        depth += _DEPTH.get(token, 0)
        word = token.upper()
        if depth == 0 and word in _PARTS and not _continues(previous, word):
            if text := "".join(current).strip():
                yield text
            current = []
        current.append(token)
        if not token.isspace():
            previous = word if previous != "CONSTRAINT" else "NAMED"
    if text := "".join(current).strip():
        yield text


def _continues(previous: str, word: str) -> bool:
    """``NOT NULL``, ``DEFAULT NULL``, ``SET NULL`` and ``CONSTRAINT name CHECK`` are one part."""
    if previous in ("CONSTRAINT", "NAMED"):
        return True
    return (word, previous) == ("AS", "ALWAYS") or (
        word in ("NULL", "DEFAULT") and previous in ("NOT", "DEFAULT", "SET")
    )
