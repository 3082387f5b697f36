"""Levels of government, recognised by the title of an office and the body that it belongs to."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal, get_args

from changemaker_influence.folding import folded

Level = Literal["FEDERAL", "PROVINCIAL", "MUNICIPAL", "SCHOOL_BOARD"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
_Patterns = tuple[tuple[Level, re.Pattern[str]], ...]

#: Feminine, plural and inclusive forms of a title, and the one that the patterns below know.
_FORMS: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(rf"\b(?:{pattern})\b"), title)
    for pattern, title in (
        (r"(depute|echevin|president|prefet|elu)e?s?", r"\1"),
        (r"conseill(?:ers|eres?)", "conseiller"),
        (r"mairesses?|maires", "maire"),
        (r"(senat|direct|administrat)(?:rices?|eurs)", r"\1eur"),
        (r"(municip|provinci|feder|region|territori|loc)(?:ale|ales|aux)", r"\1al"),
        (
            r"council ?(?:wo)?m[ae]n|council ?(?:person|member)s?|council(?:or|ors|lors)",
            "councillor",
        ),
        (r"alder ?(?:wo)?m[ae]n|alder ?persons?", "alderman"),
        (r"chair ?(?:wo)?m[ae]n|chair ?persons?|chairs", "chair"),
        # "Conseiller·ère", "Maire.sse", "Député(e)s": the ending stands apart.
        (r"(?<=\w) (?:e|es|ere|eres|sse|esse|trice|rice)(?: s)?", ""),
        (r"(\w+) \1", r"\1"),
    )
)
#: "M.P.P." is an abbreviation, "Conseiller.ère" is not.
_ABBREVIATION: Final = re.compile(r"\b\w(?:\.\w)+\b\.?")
#: A minister of education or of municipal affairs sits in neither.
_PORTFOLIO: Final = re.compile(r"\b(minister|ministre)s? (?:of|for|de|des|du|responsable|d)\b.*")


def _patterns(*words: tuple[Level, str]) -> _Patterns:
    return tuple((level, re.compile(rf"\b(?:{known})\b")) for level, known in words)


#: Titles of one level, whatever body they are listed under. The first that fits decides: a member
#: of a provincial parliament is a member of a parliament, too.
_CERTAIN: Final = _patterns(
    (
        "PROVINCIAL",
        r"mlas?|mpps?|mnas?|mhas?|mal|provincial|territorial"
        r"|legislatives?|legislature|national assembly|assemblee (?:nationale|legislative)"
        r"|house of assembly|chambre d assemblee"
        r"|premier(?! (?:ministre|adjoint|echevin|conseiller|magistrat|vice))",
    ),
    (
        "FEDERAL",
        r"mps?|senators?|senateur|parliament|parlement|house of commons|chambre des communes"
        r"|federal|prime minister",
    ),
    ("SCHOOL_BOARD", r"school|scolaires?|board of education"),
    (
        "MUNICIPAL",
        r"mayors?|maire|reeves?|prefet|echevin|alderman|municipal",
    ),
)
#: Bodies, such as the representative sets of Represent.
_BODIES: Final = _patterns(
    ("SCHOOL_BOARD", r"schools?|scolaires?|board of education|education"),
    (
        "PROVINCIAL",
        r"legislati\w+|legislature|assembly|assemblee|provincial(?:e|es)?"
        r"|territorial(?:e|es)?|parlement du quebec|queens park",
    ),
    (
        "FEDERAL",
        r"house of commons|chambre des communes|senate?|parliament|parlement|federal(?:e|es)?",
    ),
    (
        "MUNICIPAL",
        r"councils?|councillors?|conseils?(?! des ministres)|conseiller|city|cities|towns?"
        r"|townships?|ville|villages?|municipal\w*|county|counties|comte|regional(?:e|es)?|district"
        r"|borough|arrondissement|mrc|cantons?|paroisse|parks? board|islands trust",
    ),
)
#: Titles that bodies of several levels have, and the level of most of them.
_LIKELY: Final = _patterns(
    ("SCHOOL_BOARD", r"trustees?"),
    (
        "MUNICIPAL",
        r"councillors?|conseiller|council|conseil|chair|president|commissioners?"
        r"|commissaires?|directors?|directeur|wardens?|controllers?",
    ),
)
#: Councils of First Nations are governments of their own, and none of these levels.
_FIRST_NATIONS: Final = re.compile(
    r"\b(?:bands?|bande|first nations?|premieres? nations?|tribal|tribu)\b"
)
_LEVEL_WORDS: Final = _patterns(
    ("PROVINCIAL", r"provinci(?:al|ale|ales|aux)|territori(?:al|ale|ales|aux)|province"),
    ("FEDERAL", r"federal(?:e|es)?|federaux|canada|national(?:e|es)?"),
    ("SCHOOL_BOARD", r"school(?: board)?|scolaires?|conseil scolaire"),
    ("MUNICIPAL", r"municip(?:al|ale|ales|aux)|local(?:e|es)?|locaux|city|ville"),
)


@lru_cache(maxsize=4096)
def level_of(elected_office: str, representative_set_name: str = "") -> Level | None:
    """Return the level of an office as directories write it, in English or French.

    A title that bodies of several levels have, such as *Député* or *Chair*, has the level of the
    body whose representatives are listed, ``representative_set_name``. ``None`` where neither is
    recognised.

    >>> level_of("MPP"), level_of("Conseillère"), level_of("Sheriff")
    ('PROVINCIAL', 'MUNICIPAL', None)
    >>> level_of("Députée", "Chambre des communes"), level_of("Députée", "Assemblée nationale")
    ('FEDERAL', 'PROVINCIAL')
    """
    office, body = office_title(elected_office), _spaced(representative_set_name)
    if _FIRST_NATIONS.search(office) or _FIRST_NATIONS.search(body):
        return None
    return _first(_CERTAIN, office) or _first(_BODIES, body) or _first(_LIKELY, office)


def level_named(written: str) -> Level | None:
    """Return the level that a person wrote, in English or French; ``None`` for any other word.

    >>> level_named("Fédéral"), level_named("school board"), level_named("galactic")
    ('FEDERAL', 'SCHOOL_BOARD', None)
    """
    words = _spaced(written)
    return next((level for level, known in _LEVEL_WORDS if known.fullmatch(words)), None)


@lru_cache(maxsize=4096)
def office_title(elected_office: str) -> str:
    """Return the title for comparing: the same for a woman, a man and both.

    >>> office_title("Conseillère municipale"), office_title("Conseiller.ère municipal")
    ('conseiller municipal', 'conseiller municipal')
    """
    title = _PORTFOLIO.sub(r"\1", _spaced(elected_office))
    for form, known in _FORMS:
        title = form.sub(known, title)
    return title


def _spaced(text: str) -> str:
    """Return the words, an article before an apostrophe being one of its own."""
    whole = _ABBREVIATION.sub(lambda found: found[0].replace(".", ""), text)
    return folded(re.sub("['\u2019]", " ", whole))


def _first(patterns: _Patterns, words: str) -> Level | None:
    return next((level for level, known in patterns if known.search(words)), None)
