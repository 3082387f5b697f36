"""Entries of directories, read and cleaned."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_influence.directories.errors import DirectoryUnavailable, PostalCodeUnknown
from changemaker_influence.directories.files import FileDirectory, FileUnreadable
from changemaker_influence.directories.represent_format import NotRepresentFormat, read_entry
from changemaker_influence.directories.representatives import (
    clean_address,
    deduplicated,
    representative,
)


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


@pytest.mark.parametrize("content", [b"", b'{"city"', b"[]", b'{"code": "' + b"x" * 2_000_000])
async def test_a_file_that_is_no_response_is_unavailable(tmp_path, content):
    (tmp_path / "L5G4L3.json").write_bytes(content)
    with pytest.raises(DirectoryUnavailable) as refused:
        await FileDirectory(str(tmp_path)).find("L5G4L3")
    assert not isinstance(refused.value, PostalCodeUnknown)
    assert "L5G" not in refused.value.reason


async def test_a_folder_in_place_of_a_file_is_unavailable(tmp_path):
    (tmp_path / "L5G4L3.json").mkdir()
    with pytest.raises(DirectoryUnavailable, match="Is a directory"):
        await FileDirectory(str(tmp_path)).find("L5G4L3")


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
        b"\xff",
        b'{"city"',
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


DATA = Path(__file__).parents[1] / "data" / "folder"
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=4,
)


def places(value, at=()):
    """Every place within a JSON value, as a path."""
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    else:
        inner = ()
    for key, each in inner:
        yield (*at, key)
        yield from places(each, (*at, key))


@given(st.data(), json_values)
def test_any_value_at_any_place_leaves_the_others(data, value):
    whole = json.loads((DATA / "K7L1A1.json").read_text())
    whole["representatives_concordance"] = copy.deepcopy(whole["representatives_centroid"])
    *parents, last = data.draw(st.sampled_from(list(places(whole))))
    inner = whole
    for key in parents:
        inner = inner[key]
    inner[last] = value
    entry = read_entry(json.dumps(whole).encode())
    assert entry.ambiguous in (True, False)
    assert msgspec.json.decode(msgspec.json.encode(entry), type=type(entry)) == entry
    assert all(each.name and each.key for each in entry.representatives)
    assert "Good Example" in {each.name for each in entry.representatives}


@pytest.mark.parametrize(
    ("content", "names", "problem"),
    [
        (b'{"code": 1, "city": 5}', [], "city is a number"),
        (b'{"city": 1e999, "code": ' + b"9" * 5000 + b"}", [], "city is a number"),
        (b'{"representatives_centroid": [{"email": "a@example.ca"}]}', [], "has no name"),
        (b'{"representatives_centroid": "none"}', [], "is no list"),
        (b'{"representatives_centroid": {"name": "Ada"}}', ["Ada"], "an object instead of a list"),
        (b'{"representatives_centroid": [{"name": ["Ada"]}, null]}', ["Ada"], "no record"),
        (
            b'{"representatives_centroid":'
            b' [{"name": null, "first_name": "Ada", "last_name": "B"}]}',
            ["Ada B"],
            None,
        ),
        (
            b'{"representatives_centroid": [{"name": "Ada", "offices": {"tel": 6135550100}}]}',
            ["Ada"],
            "tel is a number",
        ),
        (
            b'{"representatives_centroid": [{"name": "A", "name": "B"}],'
            b' "representatives_centroid": [{"name": "C\n"}]}',
            ["A", "C"],
            "twice",
        ),
        (b'\xef\xbb\xbf{"representatives_centroid": [{"name": "Zo\xc3\xa9"}]}', ["Zoé"], None),
        (b'{"representatives_centroid": [{"name": "Zo\xe9"}]}', ["Zoé"], "not in UTF-8"),
        ('{"representatives_centroid": [{"name": "Zoé"}]}'.encode("utf-16"), ["Zoé"], None),
        (b'{"representatives_centroid": [{"name": "\\ud800Zo"}]}', ["Zo"], None),
        (
            json.dumps({"representatives_centroid": [{"name": "x" * 10**6}]}).encode(),
            ["x" * 200],
            None,
        ),
    ],
)
def test_odd_data_is_repaired_or_left_out_and_reported(content, names, problem):
    entry = read_entry(content)
    assert [each.name for each in entry.representatives] == names
    if problem is None:
        assert entry.problems == ()
    else:
        assert any(problem in each for each in entry.problems), entry.problems


def test_too_many_people_are_cut_and_reported():
    crowd = [{"name": f"Person {number}"} for number in range(500)]
    entry = read_entry(json.dumps({"representatives_centroid": crowd}).encode())
    assert len(entry.representatives) == 100
    assert "more than 100" in entry.problems[0]


def test_numbers_are_read_as_they_are_written():
    entry = read_entry((DATA / "K7L1A1.json").read_bytes())
    good, odd = entry.representatives
    assert (good.name, odd.offices[0].tel) == ("Good Example", "6135550100")


@pytest.mark.parametrize(
    ("file", "people"), [("V5Y1V4", 19), ("M4K1A1", 1), ("H2X1Y4", 3), ("N0G2W0", 4)]
)
def test_seats_and_dashes_make_no_other_district(file, people):
    entry = read_entry((DATA / f"{file}.json").read_bytes())
    assert len(entry.representatives) == people
    assert not entry.ambiguous
    assert None not in {each.level for each in entry.representatives}


def entry_of(*people, city=""):
    """An entry with people of one body, in these offices and districts."""
    records = [
        {"name": f"P{number}", "elected_office": office, "district_name": district}
        for number, (office, district) in enumerate(people)
    ]
    return read_entry(json.dumps({"city": city, "representatives_centroid": records}).encode())


@pytest.mark.parametrize(
    ("first", "second", "ambiguous"),
    [
        (("Councillor", "Vancouver (seat 1)"), ("Councillor", "Vancouver (Seat 2)"), False),
        (("Conseillère", "Laval (siège 1)"), ("Conseiller", "Laval (siège no 2)"), False),
        (("Councillor", "Seat A"), ("Councillor", "Seat B"), False),
        (("MP", "St. John's East"), ("MP", "St John\u2019s East"), False),
        (("MP", "Montréal--Nord"), ("MP", "MONTREAL \u2013 NORD"), False),
        (("MP", "Huron\u200b\u2014Bruce"), ("MP", "Huron\u2013Bruce"), False),
        (("Councillor", "Ward 1"), ("Councillor", "Ward 2"), True),
        (("Councillor", "Ward 1-2"), ("Councillor", "Ward 12"), True),
        (("Député", "Laurier"), ("Députée", "Outremont"), True),
        (("Councillor", "Ward 1"), ("Councillor", "Kingston"), False),
        (("Councillor", "Ward 1"), ("Councillor", ""), False),
        (("Councillor", "Ward 1"), ("Mayor", "Ward 2"), False),
    ],
)
def test_an_entry_is_ambiguous_where_one_office_is_of_several_districts(first, second, ambiguous):
    assert entry_of(first, second, city="Kingston").ambiguous is ambiguous


def test_one_person_is_merged_and_namesakes_are_not():
    def person(email="", body="", **changes):
        return representative(
            name="Ann Lee",
            elected_office="Councillor",
            email=email,
            representative_set_name=body,
            **changes,
        )

    first, second = person("a@x.example"), person(url="https://x.example")
    (merged,) = deduplicated([second, first])
    assert (merged.email, merged.url) == ("a@x.example", "https://x.example")
    assert len(deduplicated([first, person("b@x.example")])) == 2
    assert len(deduplicated([person(body="Town A"), person(body="Town B")])) == 2
    assert len(deduplicated([person("a@x.example", "Town A"), person(body="Town B")])) == 2
    towns = [person("a@x.example"), person(body="Town A"), person(body="Town B")]
    assert [each.representative_set_name for each in deduplicated(towns)] == ["Town A", "Town B"]


people = st.fixed_dictionaries(
    {"name": st.text(max_size=8).map("A{}".format)},
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
    with pytest.raises(FileUnreadable, match="no column postal_code, elected_office"):
        FileDirectory(table(header="name,email"))


def test_a_file_must_be_there(tmp_path):
    with pytest.raises(FileUnreadable, match=r"people\.csv"):
        FileDirectory(str(tmp_path / "people.csv"))


TABLES = DATA.parent / "csv"


def people_of(directory):
    """The names of all people of a table."""
    (entry,) = directory.entries()
    return [each.name for each in entry.representatives]


@pytest.mark.parametrize(
    ("file", "names", "problems"),
    [
        ("ok", ["Zoé Exemple"], []),
        ("semicolon", ["Zoé Exemple"], []),
        ("sep", ["Zoe"], []),
        ("cp1252", ["Zoé Exemple"], []),
        ("header_case", ["Zoe"], []),
        ("codes", ["Hyphen", "Nbsp", "Two", "Lower"], []),
        ("unclosed", ["Lost One", "Lost Two"], ["row 2: A quotation mark"]),
        (
            "ragged",
            ["Vacant"],
            [
                "row 2: This row ends before the column elected_office",
                "row 3: This row has 6 cells",
                "row 5: This row has no name",
            ],
        ),
    ],
)
def test_tables_as_they_were_reported(file, names, problems):
    directory = FileDirectory(str(TABLES / f"{file}.csv"))
    assert people_of(directory) == names
    assert len(directory.problems) == len(problems)
    for problem, beginning in zip(directory.problems, problems, strict=True):
        assert problem.startswith(beginning)


@pytest.mark.parametrize("code", ["L5G4L3", "L5G4L4"])
async def test_a_cell_may_have_several_codes(code):
    entry = await FileDirectory(str(TABLES / "codes.csv")).find(code)
    assert "Two" in {each.name for each in entry.representatives}


async def test_a_table_may_say_the_level_and_its_headings_may_be_french(tmp_path):
    file = tmp_path / "élus.csv"
    rows = (
        "Code postal;Nom;Fonction;Courriel;Niveau;Note",
        "H2X;Zoé;Députée;zoe@x.example;Fédéral;-",
        "H2X;Luc;Mystère;luc@x.example;galactique;-",
        "9;Eva;Mairesse;eva@x.example;;-",
    )
    file.write_bytes("\r\n".join(rows).encode("utf-16"))
    directory = FileDirectory(str(file))
    entry = await directory.find("H2X1Y4")
    assert [(each.name, each.level) for each in entry.representatives] == [
        ("Zoé", "FEDERAL"),
        ("Luc", None),
    ]
    assert [each.partition(".")[0] for each in directory.problems] == [
        "unknown columns: Note",
        "row 3: “galactique” is no level: write federal, provincial, municipal or school board",
        "row 4: No postal code begins with “9”",
    ]


def test_doctor_reads_a_folder_and_names_its_files(tmp_path):
    (tmp_path / "L5G4L3.json").write_bytes(b"not JSON")
    (tmp_path / "K7L1A1.json").write_bytes((DATA / "K7L1A1.json").read_bytes())
    problems = [each for entry in FileDirectory(str(tmp_path)).entries() for each in entry.problems]
    assert [problem.partition(":")[0] for problem in problems] == ["K7L1A1.json", "L5G4L3.json"]
