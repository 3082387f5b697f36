"""Entries of directories, read and cleaned."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_influence.directories.errors import PostalCodeUnknown
from changemaker_influence.directories.files import FileDirectory, FileUnreadable
from changemaker_influence.directories.represent_format import NotRepresentFormat, read_entry
from changemaker_influence.directories.representatives import clean_address, representative


@pytest.fixture
def sample():
    directory = FileDirectory("sample")

    async def find(code):
        return await directory.find(code)

    return find


async def test_one_list_may_be_absent(sample):
    entry = await sample("L5G4L3")
    assert [(each.elected_office, each.level) for each in entry.representatives] == [
        ("MP", "FEDERAL"),
        ("MPP", "PROVINCIAL"),
        ("Mayor", "MUNICIPAL"),
        ("Councillor", "MUNICIPAL"),
    ]
    assert (entry.city, entry.province, entry.ambiguous) == ("Mississauga", "ON", False)


async def test_a_person_in_both_lists_is_there_once(sample):
    entry = await sample("K1A0A1")
    names = [each.name for each in entry.representatives]
    assert names == ["Sam Sample", "Jordan Okafor-Sample"]


async def test_both_lists_may_be_absent(sample):
    entry = await sample("V0N1B0")
    assert entry.representatives == ()
    assert entry.city == "Whistler"


async def test_several_for_one_office_are_ambiguous_and_empty_addresses_are_none(sample):
    entry = await sample("T5J2R7")
    assert entry.ambiguous
    quinn = next(each for each in entry.representatives if each.name == "Quinn Sample")
    assert (quinn.email, quinn.can_email) == (None, False)
    assert quinn.offices[0].tel == "1 780 555-0140"


async def test_a_code_without_a_file_is_not_known(sample):
    with pytest.raises(PostalCodeUnknown):
        await sample("X0A0H0")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"error": "x"}',
        b'{"code": 1, "city": 5}',
        b"\xff",
        b'{"city"',
        b'{"representatives_centroid": [{"email": "a@example.ca"}]}',
    ],
)
def test_responses_that_are_not_represents(content):
    with pytest.raises(NotRepresentFormat):
        read_entry(content)


def test_null_and_unknown_keys_are_no_trouble():
    person = {"name": "A", "elected_office": None, "email": None, "offices": None, "new": [1]}
    content = {"code": "L5G4L3", "city": None, "representatives_concordance": [person], "x": {}}
    (found,) = read_entry(json.dumps(content).encode()).representatives
    assert (found.name, found.level, found.can_email) == ("A", None, False)


people = st.fixed_dictionaries(
    {"name": st.text(max_size=8)},
    optional={
        "elected_office": st.sampled_from(["MP", "MLA", "Mayor", "?", None]),
        "email": st.one_of(st.none(), st.text(max_size=8), st.just(" A.B@Example.CA ")),
        "district_name": st.sampled_from(["North", "South", None]),
        "photo_url": st.sampled_from(["", None, "javascript:alert(1)", "https://x.example/p.jpg"]),
        "offices": st.lists(st.fixed_dictionaries({}, optional={"tel": st.text(max_size=4)})),
    },
)


@given(st.lists(people, max_size=4), st.lists(people, max_size=4), st.randoms())
def test_merging_loses_and_repeats_no_one(centroid, concordance, random):
    both = [*centroid, *concordance]
    random.shuffle(both)
    content = {"code": "", "representatives_centroid": both, "representatives_concordance": both}
    found = read_entry(json.dumps(content).encode()).representatives
    once = {"code": "", "representatives_centroid": both}
    assert found == read_entry(json.dumps(once).encode()).representatives
    assert len({each.key for each in found}) == len(found)
    for each in found:
        assert each.can_email == (each.email is not None)
        assert each.photo_url in ("", "https://x.example/p.jpg")
        assert each.name == each.name.strip()
        assert "\n" not in each.name


@pytest.mark.parametrize(
    ("written", "clean"),
    [
        (" Mailto:A.B@Example.CA ", "a.b@example.ca"),
        ("a@example.ca; b@example.ca", None),
        ("a@example.ca\nBcc: b@example.ca", None),
        ("no address", None),
        ("", None),
        ("a" * 300 + "@example.ca", None),
    ],
)
def test_addresses_are_plain_or_none(written, clean):
    assert clean_address(written) == clean


def test_names_are_one_line():
    found = representative(name="A\r\nBcc: x@example.ca", elected_office="MP")
    assert found.name == "A Bcc: x@example.ca"


@pytest.fixture
def table(tmp_path):
    file = tmp_path / "people.csv"

    def write(*lines, header="postal_code,name,elected_office,email,district_name,tel,city"):
        file.write_text("\ufeff" + "\n".join([header, *lines]), encoding="utf-8")
        return str(file)

    return write


async def test_a_table_covers_codes_their_beginnings_and_all(table):
    directory = FileDirectory(
        table(
            "l5g 4l3,Ada,MP,ada@example.ca,North,555,Town",
            "L5G,Ben,MLA,,North,,",
            "*,Cleo,Senator,cleo@example.ca,,,",
            "K1A,Dan,MP,dan@example.ca,South,,",
        )
    )
    entry = await directory.find("L5G4L3")
    assert [each.name for each in entry.representatives] == ["Ada", "Ben", "Cleo"]
    assert entry.city == "Town"
    assert entry.representatives[0].offices[0].tel == "555"
    assert [each.name for each in (await directory.find("K1A0A1")).representatives] == [
        "Cleo",
        "Dan",
    ]


async def test_a_code_without_a_row_is_not_known(table):
    with pytest.raises(PostalCodeUnknown):
        await FileDirectory(table("K1A,Dan,MP,,,,")).find("L5G4L3")


def test_a_table_must_have_its_columns(table):
    with pytest.raises(FileUnreadable, match="elected_office, postal_code"):
        FileDirectory(table(header="name,email"))


def test_a_file_must_be_there(tmp_path):
    with pytest.raises(FileUnreadable, match=r"people\.csv"):
        FileDirectory(str(tmp_path / "people.csv"))
