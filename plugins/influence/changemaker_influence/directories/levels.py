"""Levels of government, recognised by the title of an elected office."""

from __future__ import annotations

import re
import unicodedata
from typing import Final, Literal, get_args

Level = Literal["FEDERAL", "PROVINCIAL", "MUNICIPAL", "SCHOOL_BOARD"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)

#: Words in an office's title, without accents and case, by the level they belong to. Searched in
#: this order, because a "school board chair" is not a municipal chair.
_WORDS: Final[tuple[tuple[Level, frozenset[str]], ...]] = (
    ("SCHOOL_BOARD", frozenset({"trustee", "school", "scolaire"})),
    ("PROVINCIAL", frozenset({"mla", "mpp", "mna", "mha", "provincial", "legislative"})),
    ("FEDERAL", frozenset({"mp", "senator", "senateur", "senatrice", "parliament"})),
    (
        "MUNICIPAL",
        frozenset(
            "mayor maire mairesse councillor councilor conseiller conseillere alderman"
            " reeve prefet warden controller chair".split()
        ),
    ),
)


def level_of(elected_office: str) -> Level | None:
    """Return the level of an office as directories write it; ``None`` where it is not recognised.

    >>> level_of("MPP"), level_of("Conseillère"), level_of("Deputy Mayor"), level_of("Sheriff")
    ('PROVINCIAL', 'MUNICIPAL', 'MUNICIPAL', None)
    """
    words = set(re.findall(r"[a-z]+", _plain(elected_office)))
    return next((level for level, known in _WORDS if words & known), None)


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.replace(".", ""))
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()
