"""How two texts differ, word by word."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Lines and words that are compared: the time grows with the square of their number.
MOST_LINES: Final = 400
MOST_WORDS: Final = 600
_WORDS: Final = re.compile(r"\s+|[^\W\d]+|\d+|[^\w\s]|_")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text: that stayed the ``same``, was ``added``, or was ``removed``."""

    kind: Literal["same", "added", "removed"]
    text: str


def differences(before: str, after: str) -> list[Piece]:
    """Return the pieces that make ``after`` of ``before``.

    >>> [(each.kind, each.text) for each in differences("Plant trees.", "Plant oaks.")]
    [('same', 'Plant '), ('removed', 'trees'), ('added', 'oaks'), ('same', '.')]
    """
    return _joined(_by_line(before.splitlines(keepends=True), after.splitlines(keepends=True)))


def _by_line(before: Sequence[str], after: Sequence[str]) -> Iterator[Piece]:
    for same, old, new in _compared(before, after, MOST_LINES):
        if same:
            yield Piece("same", new)
        else:
            yield from _by_word(old, new)


def _by_word(before: str, after: str) -> Iterator[Piece]:
    for same, old, new in _compared(_WORDS.findall(before), _WORDS.findall(after), MOST_WORDS):
        if same:
            yield Piece("same", new)
            continue
        if old:
            yield Piece("removed", old)
        if new:
            yield Piece("added", new)


def _compared(
    before: Sequence[str], after: Sequence[str], most: int
) -> Iterator[tuple[bool, str, str]]:
    """Yield whether a run of parts is the same in both, and the run as each has it."""
    if max(len(before), len(after)) > most:
        yield False, "".join(before), "".join(after)
        return
    for kind, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        yield kind == "equal", "".join(before[a:b]), "".join(after[c:d])


def _joined(pieces: Iterator[Piece]) -> list[Piece]:
    """Return the pieces, with neighbours of a kind as one."""
    joined: list[Piece] = []
    for each in pieces:
        if joined and joined[-1].kind == each.kind:
            joined[-1] = Piece(each.kind, joined[-1].text + each.text)
        else:
            joined.append(each)
    return joined
