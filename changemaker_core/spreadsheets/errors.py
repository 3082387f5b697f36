"""The error of a CSV file, or of one of its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from changemaker_core.text import Text


class CsvError(ValueError):
    """A CSV file, or one of its rows, that cannot be used.

    ``reason`` is for the person whose file it is, in their language. ``row`` is the number that a
    spreadsheet shows beside the row, and ``line`` the line of the file on which the row begins: a
    cell with line breaks makes the two differ. Both are ``None`` for the whole file.
    """

    def __init__(self, reason: Text, *, row: int | None = None, line: int | None = None) -> None:
        super().__init__(reason, row, line)
        self.reason = reason
        self.row = row
        self.line = line

    def __str__(self) -> str:
        if self.row is None:
            return str(self.reason)
        where = f"row {self.row}"
        if self.line not in (None, self.row):
            where += f" (line {self.line} of the file)"
        return f"{where}: {self.reason}"
