"""Search in a column that is blind to case and accents, with the same result on both databases."""

from __future__ import annotations

import re
from typing import Any

import peewee

from changemaker_core.db.folding import fold
from changemaker_core.db.reads.parameters import Param

_SPECIAL = re.compile(r"[\\%_]")


def _pattern(text: str) -> str:
    folded = fold(" ".join(text.split())) or ""
    return f"%{_SPECIAL.sub(lambda found: chr(92) + found[0], folded)}%"


class _Pattern(peewee.ColumnBase):
    """The pattern for a text, or for an argument of a compiled query."""

    def __init__(self, text: Any) -> None:
        self._text = text

    def __sql__(self, ctx: Any) -> Any:
        if not isinstance(self._text, Param):
            return ctx.value(_pattern(self._text), converter=False)
        ctx._values.append(Param(self._text.name, self._text.annotation, _pattern))
        return ctx.literal(ctx.state.param or "?")


def search(column: Any, text: Any) -> Any:
    """Return a condition: ``column`` contains ``text``, whatever the case and the accents.

    For queries of any kind; ``text`` may be an argument of a compiled one. White space in ``text``
    counts as one space, and ``%`` and ``_`` as themselves.

    >>> query.where(search(Campaign.title, text) | search(Campaign.slug, text))
    """
    folded = peewee.fn.core_fold(column)
    parts = (folded, peewee.SQL("LIKE"), _Pattern(text), peewee.SQL("ESCAPE '\\'"))
    return peewee.NodeList(parts, parens=True)
