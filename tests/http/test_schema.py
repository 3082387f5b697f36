"""Every error of an input, and the same verdict from msgspec and marshmallow."""

from __future__ import annotations

import datetime
import enum
import uuid
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta

from changemaker_core.http.validation import Email, SingleLine, errors_of
from changemaker_core.text import Text

NAMES = ["number", "ratio", "title", "mail", "line", "flag", "level", "kind", "when", "tags"]


class Level(enum.Enum):
    FEDERAL = "FEDERAL"
    MUNICIPAL = "MUNICIPAL"


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    email: Email
    count: Annotated[int, Meta(gt=0, lt=10)] = 1


class Everything(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    number: Annotated[int, Meta(ge=1, le=100, multiple_of=2)] = 2
    ratio: Annotated[float, Meta(ge=0)] | None = None
    title: Annotated[str, Meta(min_length=2, max_length=5)]
    mail: Email | None = None
    line: SingleLine = ""
    flag: bool = False
    level: Level | None = None
    kind: Literal["a", "b"] = "a"
    when: Annotated[datetime.datetime, Meta(tz=True)] | None = None
    day: datetime.date | None = None
    id: uuid.UUID | None = None
    either: int | str | None = None
    tags: Annotated[list[Annotated[str, Meta(max_length=3)]], Meta(max_length=3)] = []
    inner: Inner | None = None
    inners: list[Inner] = []
    labels: dict[str, int] = {}
    anything: Any = None


class Typed(msgspec.Struct, kw_only=True):
    """What a query can hold."""

    number: Annotated[int, Meta(ge=1, le=100)] = 2
    maybe: int | None = None
    ratio: Annotated[float, Meta(ge=0, le=5)] = 0.0
    title: str | None = None
    flag: bool | None = None
    level: Level = Level.FEDERAL
    tags: list[int] = []


words = st.sampled_from(
    [
        *["", "a", "ab", "abcdef", "a@b.co", "a@b.co\n", "FEDERAL", "x\ny", "null", "3", "1e1"],
        *["true", "nan", "2026-05-31", "2026-05-31T18:00:00Z", "2026-05-31T18:00:00"],
        str(uuid.UUID(int=5)),
    ]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-5, 150)
    | st.floats(allow_nan=False, allow_infinity=False, width=16)
    | words
    | st.text(max_size=6).filter(lambda text: text.isprintable())
)
fields = st.sampled_from([*Everything.__struct_fields__, "email", "count", "unknown"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(fields, inner, max_size=4),
    max_leaves=8,
)


def accepted(struct: type, data: Any) -> bool:
    try:
        msgspec.json.decode(msgspec.json.encode(data), type=struct)
    except msgspec.ValidationError:
        return False
    return True


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(fields, values, max_size=5) | values, st.booleans())
def test_both_accept_the_same_json(data: Any, titled: bool) -> None:
    if titled and isinstance(data, dict):
        data = {**data, "title": "abc"}
    assert accepted(Everything, data) is (not errors_of(Everything, data, strict=True)), data


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(Typed.__struct_fields__), words | st.lists(words)))
def test_both_accept_the_same_query(data: dict[str, Any]) -> None:
    try:
        msgspec.convert(data, Typed, strict=False)
        accepts = True
    except msgspec.ValidationError:
        accepts = False
    assert accepts is (not errors_of(Typed, data)), data


def test_every_error_is_reported_with_its_path() -> None:
    data = {
        "number": 101,
        "mail": "nobody",
        "tags": ["ok", "toolong"],
        "inner": {"email": "x", "count": 10, "more": 1},
        "inners": [{"email": "a@b.co"}, {}],
        "labels": {"a": "b"},
        "kind": "c",
        "extra": 1,
    }
    errors = errors_of(Everything, data, strict=True)
    assert set(errors) == {
        "title",
        "number",
        "mail",
        "tags[1]",
        "inner.email",
        "inner.count",
        "inner.more",
        "inners[1].email",
        "labels.a",
        "kind",
        "extra",
    }
    assert errors["number"] == ["This must be at most 100.", "This must be a multiple of 2."]
    assert errors["kind"] == ["Choose one of: a, b."]
    assert errors_of(Everything, [1], strict=True).keys() == {""}


def test_every_message_can_be_translated() -> None:
    data = {"number": 101, "title": "", "extra": 1, "inner": None, "tags": 3, "line": "a\nb"}
    found = [each for some in errors_of(Everything, data, strict=True).values() for each in some]
    assert len(found) >= len(data)
    assert [message for message in found if not isinstance(message, Text)] == []


def test_the_author_of_a_pattern_says_what_is_wanted() -> None:
    class Lookup(msgspec.Struct):
        code: Annotated[str, Meta(pattern="^A", extra={"message": Text("Write it like A1.")})]

    assert errors_of(Lookup, {"code": "B"}) == {"code": ["Write it like A1."]}


def test_no_grammar_looks_at_text_that_is_too_long() -> None:
    """For one megabyte it took a third of a second, and said the same twice."""

    class Letter(msgspec.Struct):
        to: Email
        code: Annotated[SingleLine, Meta(max_length=20)]

    found = errors_of(Letter, {"to": "a@" + "b." * 500_000, "code": "a" * 1_000_000 + "\n"})
    assert found == {
        "to": ["Write at most 254 characters."],
        "code": ["Write at most 20 characters."],
    }


@pytest.mark.parametrize(
    "address",
    [
        "a@b.co\n",
        "a@b.co\r\nBcc: x@y.z",
        "a b@c.de",
        "a@b",
        "a@@b.co",
        "<a@b.co>",
        "a@b..co",
        "@b.co",
    ],
)
def test_an_address_is_one_plain_address(address: str) -> None:
    class Letter(msgspec.Struct):
        to: Email

    assert list(errors_of(Letter, {"to": address})) == ["to"]
