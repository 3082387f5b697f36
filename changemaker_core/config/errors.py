"""Errors of a configuration, reported all at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

#: A place in a file; variables of the environment have none, and come after all files.
_PLACE = re.compile(r"(changemaker\.toml|\.env)(?::(\d+))?")
_FILES = ("changemaker.toml", ".env")


class ConfigProblem(msgspec.Struct, frozen=True):
    """One problem. It never contains the value, which may be a secret."""

    #: ``database_url``, or ``petitions.open_days`` for a plugin's.
    key: str
    #: ``changemaker.toml:7``, ``.env:3 (CHANGEMAKER_BASE_URL)`` or ``CHANGEMAKER_BASE_URL``.
    where: str
    #: What is wrong, and what is allowed.
    message: str
    #: Whether the key is set nowhere, which may follow from a line that could not be read.
    is_missing: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.key} {self.message}"


def in_order(problems: Iterable[ConfigProblem]) -> tuple[ConfigProblem, ...]:
    """Return each problem once, in the order of the files and their lines.

    Where a line could not be read, a key that is missing may have been in it and is left out.
    """
    distinct = tuple(dict.fromkeys(problems))
    unread = any(problem.key in UNREAD for problem in distinct)
    kept = (each for each in distinct if not (unread and each.is_missing))
    return tuple(sorted(kept, key=_place))


#: The keys of problems with a whole file or line: any other key may have been in it.
UNREAD = frozenset({"file", "line"})


def _place(problem: ConfigProblem) -> tuple[int, float]:
    found = _PLACE.match(problem.where)
    if found is None:
        return (-1 if problem.key == "site folder" else len(_FILES)), 0
    return _FILES.index(found[1]), float(found[2] or "inf")


def report(problems: Iterable[ConfigProblem]) -> str:
    """Return the report of problems, one on each line."""
    lines = [f"  {problem}" for problem in problems]
    head = f"The configuration has {len(lines)} problem{'' if len(lines) == 1 else 's'}:"
    return "\n".join([head, *lines])


class ConfigError(Exception):
    """An invalid configuration, with every one of its ``problems``."""

    def __init__(self, problems: tuple[ConfigProblem, ...]) -> None:
        self.problems = problems
        super().__init__(problems)

    def __str__(self) -> str:
        return report(self.problems)
