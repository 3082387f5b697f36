"""Levels of government, told from the office that somebody was elected to."""

from __future__ import annotations

import re
import unicodedata
from typing import Final, Literal, get_args

Level = Literal["FEDERAL", "PROVINCIAL", "MUNICIPAL", "SCHOOL_BOARD"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)

#: Words of an office's title, accents and case aside, and the level that they tell. Looked through
#: in this order, because a "school board chair" is no municipal chair.
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
    """The level of ``elected_office`` as directories write it; ``None`` where it is not known.

    >>> level_of("MPP"), level_of("Conseillère"), level_of("Deputy Mayor"), level_of("Sheriff")
    ('PROVINCIAL', 'MUNICIPAL', 'MUNICIPAL', None)
    """
    words = set(re.findall(r"[a-z]+", _plain(elected_office)))
    return next((level for level, telling in _WORDS if words & telling), None)


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.replace(".", ""))
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()
