"""What an entry changed, as lines of a comparison."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from changemaker_core.features.audit import api as audit

#: Lines of one field that a page compares: the rest of a very long text is left out.
LONGEST: Final = 400


def lines_of(change: audit.FieldChange) -> list[tuple[str, str]]:
    """Return the lines of a field: ``-`` those of before, ``+`` those of after, `` `` of both.

    >>> lines_of(FieldChange(field="role", before="USER", after="EDITOR"))
    [('-', 'USER'), ('+', 'EDITOR')]
    """
    before, after = _lines(change.before)[:LONGEST], _lines(change.after)[:LONGEST]
    compared = difflib.ndiff(before, after)
    return [(line[0], line[2:]) for line in compared if line[0] in "+- "]


def _lines(value: Any) -> list[str]:
    """Return a value as people read it: a text as it is, a list one item a line, else JSON."""
    if value is None:
        return []
    if isinstance(value, str):
        return value.splitlines() or [""]
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return list(value)
    return json.dumps(value, ensure_ascii=False, indent=2).splitlines()
