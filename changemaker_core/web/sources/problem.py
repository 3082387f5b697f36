"""A mistake in a file that a plugin, or the operator, wrote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class SourceProblem:
    """One mistake, with its place and what to do about it.

    An ``error`` would be a visitor's 500; a ``warning`` shows less than its author meant.
    ``owner`` is the plugin whose file it is, ``core``, or ``site`` for the operator's own.
    ``line`` is 0 where the mistake is the file itself.
    """

    status: Literal["warning", "error"]
    owner: str
    file: Path
    line: int
    problem: str
    fix: str

    @property
    def place(self) -> str:
        """``/…/templates/petitions/list.html:12``"""
        return f"{self.file}:{self.line}" if self.line else str(self.file)

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}"
