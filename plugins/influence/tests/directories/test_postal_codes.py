"""Postal codes, as people type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_influence.directories.postal_codes import (
    MAX_TYPED,
    PostalCodeInvalid,
    format_code,
    normalise,
)

FIRST, LATER, DIGIT = "ABCEGHJKLMNPRSTVXY", "ABCEGHJKLMNPRSTVWXYZ", "0123456789"
codes = st.tuples(*map(st.sampled_from, (FIRST, DIGIT, LATER, DIGIT, LATER, DIGIT))).map("".join)


between_letters = st.sampled_from(["", " ", "-", "\t", "\u00a0", "\u2013"])


@given(codes, st.lists(between_letters, min_size=7, max_size=7))
def test_any_case_and_spacing_is_the_same_code(code, between):
    typed = between[0] + "".join(map("".join, zip(code, between[1:], strict=True)))
    assert normalise(typed) == normalise(typed.lower()) == code


@given(codes)
def test_the_spaced_form_is_the_same_code(code):
    assert normalise(format_code(code)) == code
    assert format_code(code)[3] == " "


@given(st.text(max_size=40))
def test_anything_else_is_refused_and_names_the_format(typed):
    try:
        code = normalise(typed)
    except PostalCodeInvalid as refused:
        assert "A1A 1A1" in refused.reason
    else:
        assert len(code) == 6
        assert code[0] in FIRST
        assert all(letter in LATER for letter in code[2::2])
        assert code[1::2].isdigit()
        assert code.isascii()


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "L5G",
        "L5G 4L",
        "D5G 4L3",
        "Z5G 4L3",
        "W5G 4L3",
        "L5O 4L3",
        "L5G 4L3 7",
        "90210",
        "L\u0665G4L3",
        "L5G4L3" + " " * MAX_TYPED,
    ],
)
def test_codes_that_are_refused(typed):
    with pytest.raises(PostalCodeInvalid):
        normalise(typed)
