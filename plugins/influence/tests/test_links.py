"""Links to the telephone and email apps, and QR codes."""

from __future__ import annotations

import re
from csv import DictReader
from pathlib import Path
from urllib.parse import unquote

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_influence.emails.links.mailto import LONGEST_MAILTO, mailto, mailto_or_copy
from changemaker_influence.emails.links.telephone import tel

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
        ("+2480A", None),
        ("613-555-0100 P: 613-555-0199", "tel:+16135550100"),
        ("613-555-0100, local 819-555-0150", "tel:+16135550100"),
        ("+048 71 937BZ527", None),
        ("Staff: 613-555-0123", "tel:+16135550123"),
        ("f. 613-555-0123", None),
        ("12", None),
        ("", None),
    ],
)
def test_telephone_links(written, expected):
    assert tel(written) == expected


@given(st.text(max_size=200) | st.text("0123456789 ()-./+x#,extpos", max_size=60))
def test_a_telephone_link_is_a_number_or_none(written):
    assert tel(written) is None or re.fullmatch(r"tel:(\+[1-9]\d{6,14}(,\d+)?|\d{3})", tel(written))


def test_a_mailto_link_is_encoded_and_its_lines_end_as_in_a_mail():
    assert mailto("a.b@example.ca", "Buses & trams", "One\ntwo") == (
        "mailto:a.b@example.ca?subject=Buses%20%26%20trams&body=One%0D%0Atwo"
    )


def test_an_address_adds_nothing_to_a_mailto_link():
    """Whatever it has in its local part, and however many."""
    for address in ("rep?bcc=x@evil.example", "a&body=b#c@evil.example", "50%25@evil.example"):
        link = mailto(address)
        assert unquote(link) == f"mailto:{address}"
        assert not set("?&#") & set(link)
    assert mailto("zoé@example.ca") == "mailto:zo%C3%A9@example.ca"


@pytest.mark.parametrize("letter", ["a", "é", "\n"])
def test_a_message_that_is_too_long_for_a_link_is_copied(letter):
    subject, address = "Buses", "mp@example.ca"
    longest = ""
    while len(mailto(address, subject, longest + letter)) <= LONGEST_MAILTO:
        longest += letter
    assert mailto_or_copy(address, subject, longest) == (mailto(address, subject, longest), None)
    body = longest + letter * 7_000
    link, to_copy = mailto_or_copy(address, subject, body)
    assert (link, to_copy) == (f"mailto:{address}?subject={subject}", body)
    link, to_copy = mailto_or_copy(address, "é" * 400, body)
    assert (link, to_copy) == (f"mailto:{address}", "é" * 400 + "\n\n" + body)


def test_few_of_many_numbers_are_looked_at():
    """A directory may have two hundred people whose fields are full of them."""
    tried = []

    class Matcher(phonenumbers.PhoneNumberMatcher):
        def _parse_and_verify(self, *args):
            tried.append(args)
            return super()._parse_and_verify(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(phonenumbers, "PhoneNumberMatcher", Matcher)
        assert tel("(613) " * 33) is None
        assert tel("1 23-4 " * 28) is None
    assert 0 < len(tried) < 100
