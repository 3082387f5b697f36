"""Links to the telephone and email apps, and QR codes."""

from __future__ import annotations

import re
from csv import DictReader
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from changemaker_influence.emails.links import mailto
from changemaker_influence.emails.qr import qr_svg
from changemaker_influence.emails.telephone import tel

with (Path(__file__).parent / "data" / "tel_numbers.csv").open(
    encoding="utf-8", newline=""
) as file:
    REPORTED = [
        (row["tel"], row["right_href"].removeprefix("none or ")) for row in DictReader(file)
    ]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        *((written, f"tel:{href.removeprefix('tel:')}") for written, href in REPORTED),
        ("1 613 555-0100", "tel:+16135550100"),
        ("613.555.0100", "tel:+16135550100"),
        ("(613) 555-0100 ext. 12", "tel:+16135550100,12"),
        ("819 555-0100 poste 7", "tel:+18195550100,7"),
        ("819 555-0100, poste : 7", "tel:+18195550100,7"),
        ("+44 20 7946 0000", "tel:+442079460000"),
        ("811", "tel:811"),
        ("1 800 555-0100x5", "tel:+18005550100,5"),
        ("613 555-0100 ext. 12 or 13", "tel:+16135550100,12"),
        ("613-555-0100; 613-555-0101", "tel:+16135550100"),
        ("555-0100 / 613 555-0101", "tel:+16135550101"),
        ("Tel. 613-555-0100, fax 613-555-0101", "tel:+16135550100"),
        ("Fax: 613-555-0101, tel: 613-555-0100", "tel:+16135550100"),
        ("Télécopieur : 613-555-0101", None),
        ("1-888-FOR-HELP", "tel:+18883674357"),
        ("1-800-O-CANADA (1-800-622-6232)", "tel:+18006226232"),
        ("1-800-CALL-YOUR-MAYOR", None),
        ("555-0100", None),
        ("613-555-0100-0101", None),
        ("613-555-01000", None),
        ("123-555-0100", None),
        ("01 42 68 53 00", None),
        ("none", None),
        ("12", None),
        ("", None),
    ],
)
def test_telephone_links(written, expected):
    assert tel(written) == expected


@given(st.text(max_size=200) | st.text("0123456789 ()-./+x#,extpos", max_size=60))
def test_a_telephone_link_is_a_number_or_none(written):
    assert tel(written) is None or re.fullmatch(r"tel:(\+[1-9]\d{6,14}(,\d+)?|\d{3})", tel(written))


def test_a_qr_code_is_svg_without_style():
    svg = qr_svg("https://act.example.org/", 'A "code" <of> this page')
    assert isinstance(svg, Markup)
    assert "&lt;of&gt;" in svg
    assert "style=" not in svg


def test_a_mailto_link_is_encoded_and_its_lines_end_as_in_a_mail():
    assert mailto("a.b@example.ca", "Buses & trams", "One\ntwo") == (
        "mailto:a.b@example.ca?subject=Buses%20%26%20trams&body=One%0D%0Atwo"
    )
