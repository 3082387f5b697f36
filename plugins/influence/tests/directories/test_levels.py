"""The level of government that an office belongs to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_influence.directories.levels import LEVELS, level_of

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
