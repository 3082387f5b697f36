"""Records of CSV, one at a time, after which reading can go on whatever is wrong with one.

The grammar is RFC 4180's, read by the standard library, which knows no way back: a quotation mark
that is not closed takes the following rows into its cell. Here the lines of a record are remembered
until it is known to be one.
"""

from __future__ import annotations

import csv
from collections import deque
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

from changemaker_core.spreadsheets.decoding import MAX_LINE, UNREADABLE
from changemaker_core.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The lines of one record: a cell is a text, and not the rest of the file.
MAX_RECORD_LINES: Final = 1_000

OPEN_QUOTATION: Final = Text(
    "A quotation mark begins a cell and is not closed at its end. Close it, or double each"
    " quotation mark within the cell."
)
_TOO_LONG: Final = Text("This row is too long to be one: perhaps a quotation mark is not closed.")
_UNREADABLE: Final = Text(
    "This row contains characters that cannot be read. Save the table as “CSV UTF-8”."
)


class Record(NamedTuple):
    """The cells of a row, or the problem because of which it has none; ``line`` is its first.

    ``again`` is whether the lines were part of a record that was rejected: they may be the rest of
    a cell that was begun before them.
    """

    line: int
    cells: list[str]
    lines: int = 1
    problem: Text | None = None
    again: bool = False


class Records:
    """Reads records from lines, separated by ``delimiter``."""

    def __init__(self, lines: Iterator[str | None], delimiter: str, *, first_line: int) -> None:
        self._lines = enumerate(lines, first_line)
        self._delimiter = delimiter
        self._taken: list[tuple[int, str | None]] = []
        self._again: deque[tuple[int, str | None]] = deque()
        self._suspect = 0
        self._reader = self._new_reader()

    def __iter__(self) -> Iterator[Record]:
        taken = self._taken
        while True:
            taken.clear()
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except _TooLong:
                yield self.reject(_TOO_LONG)
            except csv.Error as error:
                yield self.reject(_TOO_LONG if "limit" in str(error) else OPEN_QUOTATION)
            else:
                for _, text in taken:
                    if text is not None and (UNREADABLE in text or "\0" in text):
                        yield Record(taken[0][0], [], len(taken), _UNREADABLE)
                        break
                else:
                    first = taken[0][0]
                    yield Record(first, cells, len(taken), again=first <= self._suspect)

    def reject(self, problem: Text) -> Record:
        """Return the record that was read last as a problem; reading goes on on its second line."""
        line = self._taken[0][0]
        self._suspect = max(self._suspect, self._taken[-1][0])
        self._again.extendleft(reversed(self._taken[1:]))
        self._reader = self._new_reader()
        return Record(line, [], problem=problem)

    def _new_reader(self) -> Iterator[list[str]]:
        return csv.reader(
            self._feed(), delimiter=self._delimiter, strict=True, skipinitialspace=True
        )

    def _feed(self) -> Iterator[str]:
        taken, again, size = self._taken, self._again, 0
        for numbered in chain(_popped(again), self._lines):
            if not taken:
                size = 0
            taken.append(numbered)
            line = numbered[1]
            if line is None:
                raise _TooLong
            size += len(line)
            if size > MAX_LINE or len(taken) > MAX_RECORD_LINES:
                raise _TooLong
            yield line + "\n"


def _popped(numbered: deque[tuple[int, str | None]]) -> Iterator[tuple[int, str | None]]:
    while numbered:
        yield numbered.popleft()


class _TooLong(Exception):
    """The lines taken so far are more than a record may have."""
