"""Links to the telephone and email apps, and QR codes."""

from __future__ import annotations

import pytest
from markupsafe import Markup

from changemaker_influence.emails.links import mailto, tel
from changemaker_influence.emails.qr import qr_svg


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1 613 555-0100", "tel:+16135550100"),
        ("613-555-0100", "tel:+16135550100"),
        ("(613) 555-0100 ext. 12", "tel:+16135550100,12"),
        ("819 555-0100 poste 7", "tel:+18195550100,7"),
        ("+44 20 7946 0000", "tel:+442079460000"),
        ("811", "tel:811"),
        ("1 800 555-0100x5", "tel:+18005550100,5"),
    ],
)
def test_telephone_links(written, expected):
    assert tel(written) == expected


def test_a_qr_code_is_svg_without_style():
    svg = qr_svg("https://act.example.org/", 'A "code" <of> this page')
    assert isinstance(svg, Markup)
    assert "&lt;of&gt;" in svg
    assert "style=" not in svg


def test_a_mailto_link_is_encoded_and_its_lines_end_as_in_a_mail():
    assert mailto("a.b@example.ca", "Buses & trams", "One\ntwo") == (
        "mailto:a.b@example.ca?subject=Buses%20%26%20trams&body=One%0D%0Atwo"
    )
