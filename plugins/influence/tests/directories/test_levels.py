"""The level of government that an office belongs to."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_influence.directories.levels import (
    LEVELS,
    level_named,
    level_of,
    office_title,
)

DATA = Path(__file__).parents[1] / "data"

OFFICES = {
    "MP": "FEDERAL",
    "Senator": "FEDERAL",
    "Member of Parliament": "FEDERAL",
    "Sénatrice": "FEDERAL",
    "MLA": "PROVINCIAL",
    "MPP": "PROVINCIAL",
    "MNA": "PROVINCIAL",
    "MHA": "PROVINCIAL",
    "M.P.P.": "PROVINCIAL",
    "Member of Provincial Parliament": "PROVINCIAL",
    "Mayor": "MUNICIPAL",
    "Deputy Mayor": "MUNICIPAL",
    "Councillor": "MUNICIPAL",
    "Regional Councillor": "MUNICIPAL",
    "Conseillère": "MUNICIPAL",
    "Maire d'arrondissement": "MUNICIPAL",
    "Reeve": "MUNICIPAL",
    "Trustee": "SCHOOL_BOARD",
    "School Board Trustee": "SCHOOL_BOARD",
    "School Board Chair": "SCHOOL_BOARD",
    "Commissaire scolaire": "SCHOOL_BOARD",
    "Member of the House of Commons": "FEDERAL",
    "Députée fédérale": "FEDERAL",
    "Prime Minister": "FEDERAL",
    "Député·e provincial·e": "PROVINCIAL",
    "Député à l\u2019Assemblée législative": "PROVINCIAL",
    "Membre du Parlement provincial": "PROVINCIAL",
    "Deputy Premier": "PROVINCIAL",
    "M.P.P": "PROVINCIAL",
    "Conseiller.ère": "MUNICIPAL",
    "Conseiller(ère) municipal(e)": "MUNICIPAL",
    "Councilwoman": "MUNICIPAL",
    "Préfète": "MUNICIPAL",
    "Mairesse suppléante": "MUNICIPAL",
    "Échevine": "MUNICIPAL",
    "Vice-présidente": "MUNICIPAL",
    "Warden": "MUNICIPAL",
}
#: Titles that bodies of several levels have: the body decides.
IN_BODIES = {
    ("Député", "Chambre des communes"): "FEDERAL",
    ("Députée", "Assemblée nationale du Québec"): "PROVINCIAL",
    ("Député", ""): None,
    ("Premier ministre", ""): None,
    ("Première ministre", "Assemblée nationale du Québec"): "PROVINCIAL",
    ("Member", "House of Commons"): "FEDERAL",
    ("Member", "Legislative Assembly of Ontario"): "PROVINCIAL",
    ("Minister of Municipal Affairs", "Legislative Assembly of Alberta"): "PROVINCIAL",
    ("Ministre de l'Éducation", "Assemblée nationale du Québec"): "PROVINCIAL",
    ("Président", "Conseil municipal"): "MUNICIPAL",
    ("Présidente", "Conseil scolaire Exemple"): "SCHOOL_BOARD",
    ("Chair", "Example District School Board"): "SCHOOL_BOARD",
    ("Director", "Regional District of Example"): "MUNICIPAL",
    ("Trustee", "Islands Trust Council"): "MUNICIPAL",
    ("Sheriff", "Example City Council"): "MUNICIPAL",
    ("Councillor", "Example First Nation"): None,
    ("Mayor", "House of Commons"): "MUNICIPAL",
    ("Premier conseiller", "Conseil municipal"): "MUNICIPAL",
    ("Premier magistrat", ""): None,
}


@pytest.mark.parametrize(("office", "level"), OFFICES.items())
def test_known_offices(office, level):
    assert level_of(office) == level


@given(st.sampled_from(sorted(OFFICES)), st.sampled_from(["", " ", "  "]), st.booleans())
def test_case_and_spacing_do_not_matter(office, around, upper):
    written = around + (office.upper() if upper else office.lower()) + around
    assert level_of(written) == OFFICES[office]


@given(st.text(max_size=60))
def test_an_office_has_one_known_level_or_none(office):
    assert level_of(office) in (*LEVELS, None)


@pytest.mark.parametrize("office", ["", "Sheriff", "Chief of the band", "amp", "mpx"])
def test_unknown_offices_have_none(office):
    assert level_of(office) is None


@pytest.mark.parametrize(("office", "body"), IN_BODIES)
def test_the_body_decides_where_the_title_does_not(office, body):
    assert level_of(office, body) == IN_BODIES[office, body]


def test_the_offices_that_were_reported():
    with (DATA / "levels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    wrong = {
        row["elected_office"]: level_of(row["elected_office"])
        for row in rows
        if level_of(row["elected_office"]) != row["right_level"]
    }
    assert wrong == {"Député": None}  # of two levels: its body says which


@pytest.mark.parametrize(
    ("written", "level"),
    [
        ("FEDERAL", "FEDERAL"),
        (" Fédérale ", "FEDERAL"),
        ("provinciaux", "PROVINCIAL"),
        ("SCHOOL_BOARD", "SCHOOL_BOARD"),
        ("School board", "SCHOOL_BOARD"),
        ("conseil scolaire", "SCHOOL_BOARD"),
        ("Local", "MUNICIPAL"),
        ("", None),
        ("federal and provincial", None),
    ],
)
def test_levels_that_a_person_wrote(written, level):
    assert level_named(written) == level


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Député", "Députée"),
        ("Conseillère municipale", "Conseiller municipal"),
        ("Councilman", "Council Member"),
        ("MAIRESSE", "Maire"),
        ("M.P.", "MP"),
        ("Conseiller/Conseillère", "conseiller·ère"),
    ],
)
def test_a_title_is_the_same_for_women_and_men(one, other):
    assert office_title(one) == office_title(other)
