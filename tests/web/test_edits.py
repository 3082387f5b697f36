"""Two people who edit the same thing: the second sees what the first saved, and loses nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from changemaker_core import EditConflict, begin_edit, merge_edits
from changemaker_core.text import Text
from changemaker_core.web import Form

NOON = datetime(2026, 7, 1, 16, 0, tzinfo=UTC)
LABELS = {"title": Text("Title"), "levels": Text("Levels"), "public": Text("Public")}


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    title: str = ""
    levels: list[str] = []
    public: bool = False
    version: str = ""
    seen: str = ""


def shown(version: int, **values: Any) -> Form[Any]:
    """A form as a page shows it."""
    form: Form[Any] = Form.of(Edit(**values))
    begin_edit(form, version)
    return form


def merged(first: Form[Any], typed: dict[str, Any], **saved: Any) -> tuple[Form[Any], Any]:
    """What becomes of ``first`` once ``typed`` is sent, where ``saved`` is stored as version 2."""
    data = {name: value for name, value in (first.data | typed).items() if value is not None}
    form: Form[Any] = Form(data, value=Edit())
    result = merge_edits(
        form,
        shown(2, **saved),
        LABELS,
        at=NOON,
        by="Mina",
        choices={"public": {"on": Text("Yes"), "": Text("No")}},
    )
    return form, result


@pytest.mark.parametrize(
    ("typed", "saved", "data", "collisions", "adopted"),
    [
        # Only the other person changed it.
        ({}, {"title": "New"}, {"title": "New"}, [], ["Title"]),
        ({}, {"title": "Old", "public": True}, {"public": "on"}, [], ["Public"]),
        # Only this one did.
        ({"title": "Mine"}, {"title": "Old"}, {"title": "Mine"}, [], []),
        # Both, and the same.
        ({"title": "Same\r\n"}, {"title": "Same"}, {"title": "Same\r\n"}, [], []),
        # Both, and not the same.
        ({"title": "Mine"}, {"title": "Theirs\nall"}, {"title": "Mine"}, [["Theirs", "all"]], []),
        ({"title": ""}, {"title": "Theirs"}, {"title": ""}, [["Theirs"]], []),
        ({"title": "Mine"}, {"title": ""}, {"title": "Mine"}, [["Empty"]], []),
        ({"levels": ["b"]}, {"title": "Old", "levels": []}, {"levels": ["b"]}, [["None"]], []),
        # Each their own field.
        (
            {"title": "Mine"},
            {"title": "Old", "levels": ["a", "b"]},
            {"title": "Mine", "levels": ["a", "b"]},
            [],
            ["Levels"],
        ),
    ],
)
def test_nothing_typed_is_lost_and_nothing_saved_is_taken_back(
    typed, saved, data, collisions, adopted
):
    first = shown(1, title="Old", levels=["a"])
    form, result = merged(first, typed, **{"levels": ["a"], **saved})
    assert {name: form.data.get(name, "") for name in data} == data
    assert [list(each.saved) for each in result.collisions] == collisions
    assert list(result.adopted) == adopted
    assert form.value is None
    assert form.data["version"] == "2"


def test_a_box_is_said_in_words():
    first = shown(1, title="Old", public=True)
    _, result = merged(first, {"public": None, "title": "Old"}, title="Old", public=True)
    assert result.collisions == []
    # Unticked here; what is stored has ticked it meanwhile, from what neither had seen.
    _, result = merged(Form({"seen": "public:0"}), {"title": "Old"}, title="Old", public=True)
    assert [each.saved for each in result.collisions] == [["Yes"]]


def test_sending_it_again_edits_what_is_stored():
    form, _ = merged(shown(1, title="Old"), {"title": "Mine"}, title="Theirs")
    # A third version, in which the title is as the second saw it beside theirs.
    again: Form[Any] = Form(dict(form.data))
    result = merge_edits(again, shown(3, title="Theirs", public=True), LABELS, at=NOON)
    assert again.data["title"] == "Mine"
    assert (result.collisions, result.adopted) == ([], ["Public"])


def test_marks_that_a_program_made_up_do_no_harm():
    form: Form[Any] = Form({"title": "Mine", "seen": ": :: x title", "version": "no"})
    result = merge_edits(form, shown(2, title="Theirs"), LABELS, at=NOON)
    assert [each.name for each in result.collisions] == ["title"]


def test_a_program_is_told_by_a_code():
    conflict = EditConflict(NOON, "u1")
    assert (conflict.status, conflict.code) == (409, "edit_conflict")
    assert (conflict.saved_at, conflict.saved_by) == (NOON, "u1")
