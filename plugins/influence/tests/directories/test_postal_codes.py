"""Postal codes, as people type them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_influence.directories.postal_codes import (
    MAX_TYPED,
    PostalCodeInvalid,
    format_code,
    normalise,
    normalise_beginning,
)

FIRST, LATER, DIGIT = "ABCEGHJKLMNPRSTVXY", "ABCEGHJKLMNPRSTVWXYZ", "0123456789"
codes = st.tuples(*map(st.sampled_from, (FIRST, DIGIT, LATER, DIGIT, LATER, DIGIT))).map("".join)


between_letters = st.sampled_from(
    ["", " ", "-", "\t", "\u00a0", "\u2013", ".", "\u200b", "\u2060", "\ufeff", "\u202a", "\u00ad"]
)
REPORTED = json.loads((Path(__file__).parents[1] / "data" / "postal_codes.json").read_text("utf-8"))


@given(codes, st.lists(between_letters, min_size=7, max_size=7))
def test_any_case_and_spacing_is_the_same_code(code, between):
    typed = between[0] + "".join(map("".join, zip(code, between[1:], strict=True)))
    assert normalise(typed) == normalise(typed.lower()) == code


@given(codes, st.booleans())
def test_wide_characters_and_letters_like_digits_are_the_same_code(code, wide):
    alike = str.maketrans("01", "OI")
    typed = "".join(c.translate(alike) if place % 2 else c for place, c in enumerate(code))
    if wide:
        typed = "".join(chr(ord(c) - 0x20 + 0xFF00) for c in typed)
    assert normalise(typed) == normalise(typed.replace("I", "l")) == code


@pytest.mark.parametrize("typed", REPORTED["typed_codes_that_should_be_K1A0A6"])
def test_the_codes_that_were_reported(typed):
    assert normalise(typed) == "K1A0A6"


@given(codes, st.integers(1, 6))
def test_the_beginning_of_a_code_is_read_as_a_code_is(code, length):
    assert normalise_beginning(code[:length].lower() + " ") == code[:length]


@pytest.mark.parametrize("written", ["", "90210", "LG", "D5G", "L5G 4L3 7", "Mississauga"])
def test_what_no_code_begins_with(written):
    assert normalise_beginning(written) is None


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
        "LSG 4L3",
        "L5G 4L3?x=1",
        "../L5G4L3",
        "L5G 4L3 7",
        "90210",
        "L\u0665G4L3",
        "L5G4L3" + " " * MAX_TYPED,
    ],
)
def test_codes_that_are_refused(typed):
    with pytest.raises(PostalCodeInvalid):
        normalise(typed)
