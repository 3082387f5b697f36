"""Errors of a configuration, reported all at once."""

from __future__ import annotations

import msgspec


class ConfigProblem(msgspec.Struct, frozen=True):
    """One problem. It never contains the value, which may be a secret."""

    #: ``database_url``, or ``petitions.open_days`` for a plugin's.
    key: str
    #: ``changemaker.toml:7``, ``.env:3 (CHANGEMAKER_BASE_URL)`` or ``CHANGEMAKER_BASE_URL``.
    where: str
    #: What is wrong, and what is allowed.
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.key} {self.message}"


class ConfigError(Exception):
    """An invalid configuration, with every one of its ``problems``."""

    def __init__(self, problems: tuple[ConfigProblem, ...]) -> None:
        self.problems = problems
        super().__init__(problems)

    def __str__(self) -> str:
        count = len(self.problems)
        head = f"The configuration has {count} problem{'' if count == 1 else 's'}:"
        return "\n".join([head, *(f"  {problem}" for problem in self.problems)])
