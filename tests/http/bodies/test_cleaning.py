"""What nobody sees is removed from the texts of every kind of input, and of no password."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from changemaker_core import Body, MultiLine, Plugin, Route, SingleLine, endpoint, hookimpl
from changemaker_core.http.validation import cleaned, cleaned_pairs, errors_of
from changemaker_core.testing import client_of

Name = Annotated[SingleLine, Meta(min_length=1, max_length=5)]
UNSEEN = "\u200b\u202e"


class Person(Struct):
    name: Name
    note: MultiLine | None = None


class Letter(Body, frozen=True):
    people: list[Person]
    names: list[Name]
    by_place: dict[str, Name]
    password: str
    number: int = 0


def test_texts_are_cleaned_wherever_they_are() -> None:
    sent = {
        "people": [{"name": f"{UNSEEN}Zoë", "note": "a\x0bb\x1b", "other": UNSEEN}, UNSEEN, None],
        "names": [f"Sam{UNSEEN}", 3],
        "by_place": {UNSEEN: f"Ann{UNSEEN}"},
        "password": f"x{UNSEEN}",
        "number": UNSEEN,
    }
    assert cleaned(Letter, sent) == {
        "people": [{"name": "Zoë", "note": "a\nb", "other": UNSEEN}, UNSEEN, None],
        "names": ["Sam", 3],
        "by_place": {UNSEEN: "Ann"},
        "password": f"x{UNSEEN}",
        "number": UNSEEN,
    }
    assert cleaned(Letter, [UNSEEN]) == [UNSEEN]


def test_pairs_of_a_form_are_cleaned() -> None:
    pairs = [("names", f"Sam{UNSEEN}"), ("names", "Zoë"), ("password", UNSEEN), ("more", UNSEEN)]
    assert cleaned_pairs(Letter, pairs) == [
        ("names", "Sam"),
        ("names", "Zoë"),
        ("password", UNSEEN),
        ("more", UNSEEN),
    ]


class Names(Plugin):
    name = "names"

    @hookimpl
    def cm_register_routes(self):
        return [Route("/api/names", NamesResource()), Route("/names", NamesPage())]


class NamesResource:
    @endpoint(public=True, body=Person)
    async def on_post(self, req, resp, *, body):
        return {"name": body.name, "note": body.note}


class NamesPage:
    @endpoint(public=True, form=Person)
    async def on_post(self, req, resp, *, form):
        return {"value": form.value, "data": form.data, "errors": form.errors}


async def test_a_name_is_as_long_and_as_empty_as_people_see_it(open_app):
    async with open_app(Names) as app, client_of(app) as client:
        sent = await client.post("/api/names", json={"name": f"{UNSEEN}Saman{UNSEEN}"})
        assert (sent.status_code, sent.json()) == (200, {"name": "Saman", "note": None})
        for name in (UNSEEN, "a\nb", f"Too long{UNSEEN}"):
            refused = await client.post("/api/names", json={"name": name})
            assert refused.status_code == 422
            assert [error["field"] for error in refused.json()["errors"]] == ["name"]
        note = {"name": "Sam", "note": "a\x1bb\x00\x0bc"}
        assert (await client.post("/api/names", json=note)).status_code == 400  # NUL, as everywhere
        shown = await client.post("/names", data={"name": f"Zoë{UNSEEN}", "note": "a\x1bb"})
        zoe = {"name": "Zoë", "note": "ab"}
        assert shown.json() == {"value": zoe, "data": zoe, "errors": {}}
        empty = await client.post("/names", data={"name": UNSEEN})
        assert list(empty.json()["errors"]) == ["name"]


class Bounded(Struct):
    name: Annotated[SingleLine, Meta(max_length=200)] = ""
    names: Annotated[list[SingleLine], Meta(max_length=3)] = field(default_factory=list)
    line: SingleLine = ""


def test_what_is_far_too_long_is_not_cleaned():
    """Half a second for each megabyte, in which the process serves nobody else."""
    far, near, odd = "\u200b" * 600, "a\u200b" * 200, ["\u200b"] * 4
    kept = cleaned(Bounded, {"name": far, "names": odd, "line": "a\u200b" * 60_000})
    assert (kept["name"], kept["names"]) == (far, odd)
    assert len(kept["line"]) == 120_000
    assert cleaned(Bounded, {"name": near, "names": odd[:3], "line": "a\u200b"}) == {
        "name": "a" * 200,
        "names": [""] * 3,
        "line": "a",
    }
    pairs = cleaned_pairs(Bounded, [("name", far), ("names", far)])
    assert pairs[0] == ("name", far)
    assert errors_of(Bounded, {"name": far}) == {"name": ["Write at most 200 characters."]}
