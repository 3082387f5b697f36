"""Texts keep what people see, and what their scripts need."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core.config.characters import (
    LINE,
    LINES,
    is_blank,
    visible_line,
    visible_lines,
    without_invisible,
)

#: Characters that change what is around them, and some that they may stand beside.
_MIXED = st.text(
    st.sampled_from(
        "aZ9 é#\t\n\x00\x1b\x7f\x85\xad\u034f\u061c\u0628\u0646\u06cc\u093f\u094d\u115f\u180e"
        "\u200b\u200c\u200d\u200e\u200f\u2028\u202a\u202e\u2060\u2066\u2069\u2764\u3164\ufe0f\ufeff"
        "\ufffb\U0001f3f4\U0001f468\U0001f525\U000e0001\U000e0067\U000e007f\U000e0100"
    ),
    max_size=12,
)
LINE_ENDS = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029]")


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("Sam Supporter", "Sam Supporter"),
        ("Sam\u200b Sup\u00adporter\ufeff", "Sam Supporter"),
        ("\u202eretroppuS maS\u202c", "retroppuS maS"),
        ("\u2067Sam\u2069\u200f", "Sam"),
        ("Sa\u200dm \u200cSupporter", "Sam Supporter"),
        ("Sam\ufe0f \U000e0053\U000e007f", "Sam "),
        ("Zoe\u0301", "Zoe\u0301"),
    ],
)
def test_what_nobody_sees_is_removed_from_a_line(written: str, seen: str) -> None:
    assert visible_line(written) == seen
    assert (re.search(LINE, written) is not None) == (written == seen)


@pytest.mark.parametrize(
    "text",
    [
        "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc",  # Persian: a letter, with a non-joiner
        "\u0915\u094d\u200d\u0937",  # Devanagari: a conjunct shown by its half forms
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",  # a family
        "\u2764\ufe0f\u200d\U0001f525",  # a heart on fire
        "1\ufe0f\u20e3",  # a keycap
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # England
        "\u8fbb\U000e0100",  # a variant of a Chinese character
    ],
)
def test_what_a_script_needs_stays(text: str) -> None:
    assert visible_line(text) == text
    assert re.search(LINE, text)


@pytest.mark.parametrize(
    "text", ["", " \n", "\u2800", "\u200b\u2800 \u3164", "\u180b", "\U0001d173"]
)
def test_what_a_reader_sees_nothing_of_is_blank(text: str) -> None:
    assert is_blank(text)
    assert not is_blank(f"{text}\u2764")


def test_what_a_line_loses_everywhere_takes_no_space_either() -> None:
    """One list: what is removed from a line that stands alone is what a comparison ignores."""
    for number in [*range(0x80, 0xD800), *range(0xE000, 0xE1000)]:
        alone = chr(number)
        if not visible_line(f"a{alone}") == f"a{alone}":
            assert without_invisible(alone) == ""
        if without_invisible(alone) == "":
            assert visible_line(f"\n{alone}") == "\n"


@given(_MIXED)
def test_a_cleaned_line_is_valid_unless_it_has_controls(text: str) -> None:
    cleaned = visible_line(text)
    assert (re.search(LINE, cleaned) is None) == (LINE_ENDS.search(text) is not None)
    assert visible_line(cleaned) == cleaned
    if re.search(LINE, text):
        assert cleaned == text


@given(_MIXED)
def test_cleaned_lines_are_valid(text: str) -> None:
    cleaned = visible_lines(text)
    assert re.search(LINES, cleaned)
    assert visible_lines(cleaned) == cleaned
    if re.search(LINES, text.replace("\r", "")):
        assert cleaned == text


def test_controls_of_several_lines() -> None:
    assert (
        visible_lines("One\x0btwo\x0c\x1b[31mthree\r\n\tfour\x9b") == "One\ntwo\n[31mthree\n\tfour"
    )


def test_a_long_line_takes_no_time_to_reject() -> None:
    """The pattern does not backtrack: as one that does, it would take hours."""
    assert re.search(LINE, "\u0628\u200c" * 50_000 + "a" * 50_000 + "\n") is None


def test_what_hangs_on_what_is_removed_goes_in_one_pass() -> None:
    """One pass for each of them took 19 seconds for 4,000 characters."""
    assert visible_line("X" + "\u200d\ufe0f" * 50_000) == "X"
    assert visible_line("X" + "\U000e0061" * 50_000) == "X"
    assert visible_line("\U0001f468\u200b\u200d\U0001f469") == "\U0001f468\u200d\U0001f469"
