"""Forms: what was typed, what it means, what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from changemaker_core import Password
from changemaker_core.http.validation import errors_of
from changemaker_core.text import Text
from changemaker_core.web import Form, TemplateResponse

if TYPE_CHECKING:
    from collections.abc import Mapping


class Petition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=20)]
    topics: Annotated[list[str], Meta(max_length=2)]
    consent: bool
    age: Annotated[int, Meta(ge=0)] | None = None
    note: str | None = None


def no_errors(struct: type[Any], data: Mapping[str, Any]) -> dict[str, list[str]]:
    return {}


def two_errors(struct: type[Any], data: Mapping[str, Any]) -> dict[str, list[str]]:
    return {"name": [Text("Too long.")], "topics[1]": [Text("Unknown.")]}


@pytest.mark.parametrize(("errors", "shows"), [({}, False), ({"name": ["Too long."]}, True)])
def test_a_page_knows_whether_it_shows_errors(errors: dict[str, list[str]], shows: bool) -> None:
    form: Form[Petition] = Form({}, errors=errors)
    assert (
        TemplateResponse("frames/page.html", {"form": form, "names": ["Ada"]}).shows_errors()
        is shows
    )
    assert not TemplateResponse("frames/page.html", {"form": None}).shows_errors()


def test_a_good_form_is_a_value() -> None:
    pairs = [
        ("name", "  Ada "),
        ("topics", "a"),
        ("topics", "b"),
        ("consent", "on"),
        ("age", "36"),
        ("note", "one\r\ntwo"),
        ("submit", "Send"),
    ]
    form = Form.parse(Petition, pairs, no_errors)
    assert form.errors == {}
    assert form.value == Petition(
        name="Ada", topics=["a", "b"], consent=True, age=36, note="one\ntwo"
    )
    assert form.data["name"] == "  Ada "
    assert "submit" not in form.data


def test_an_empty_box_is_absent_and_an_unticked_one_is_false() -> None:
    seen: dict[str, Any] = {}

    def look(struct: type[Any], data: Mapping[str, Any]) -> dict[str, list[str]]:
        seen.update(data)
        return {}

    form = Form.parse(Petition, [("name", "Ada"), ("age", ""), ("note", "  ")], look)
    assert seen == {"name": "Ada", "topics": [], "consent": False}
    assert form.value == Petition(name="Ada", topics=[], consent=False)


class NewPassword(msgspec.Struct, frozen=True):
    new: Password
    again: Annotated[Password, Meta(min_length=1)] | None = None
    hint: str = ""


def test_a_password_is_what_was_typed_and_is_not_shown_again() -> None:
    typed = "  wide\r\nriver  "
    pairs = [("new", typed), ("again", " "), ("hint", " water ")]
    form = Form.parse(NewPassword, pairs, errors_of)
    assert form.value == NewPassword(typed, " ", "water")
    assert form.data == {"hint": " water "}
    long = Form.parse(NewPassword, [("new", "x" * 257)], errors_of)
    assert list(long.errors) == ["new"]


def test_errors_are_by_field_beside_the_data_as_typed() -> None:
    form = Form.parse(Petition, [("name", "x" * 30), ("topics", "a")], two_errors)
    assert form.value is None
    assert form.errors == {"name": ["Too long."], "topics": ["Unknown."]}
    assert form.data == {"name": "x" * 30, "topics": ["a"]}


def test_what_the_schema_let_through_is_still_not_a_value() -> None:
    form = Form.parse(Petition, [("name", "Ada"), ("age", "old")], no_errors)
    assert form.value is None
    assert list(form.errors) == [""]


def test_a_rule_of_the_subject_rejects_a_good_form() -> None:
    form = Form.parse(Petition, [("name", "Ada")], no_errors)
    assert form.value is not None
    form.reject("name", Text("This name has signed."))
    assert (form.value, form.errors) == (None, {"name": ["This name has signed."]})


def test_an_unsent_form() -> None:
    form: Form[Petition] = Form.blank(name="Ada", topics=["a"])
    assert (form.value, form.errors, form.data) == (None, {}, {"name": "Ada", "topics": ["a"]})


def test_only_a_struct_describes_a_form() -> None:
    with pytest.raises(TypeError, match=r"msgspec\.Struct"):
        Form.parse(dict, [], no_errors)  # type: ignore[type-var]  # the mistake under test


NAMES = st.sampled_from(["name", "topics", "consent", "age", "note", "other"])


@given(st.lists(st.tuples(NAMES, st.text())))
def test_whatever_is_typed_there_is_a_value_or_an_error(pairs: list[tuple[str, str]]) -> None:
    form = Form.parse(Petition, pairs, no_errors)
    assert (form.value is None) == bool(form.errors)
    kept = [value for name, value in pairs if name == "topics"]
    assert form.data.get("topics", []) == kept
