"""Times in forms: what a clock shows in a time zone, including the days on which it changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from changemaker_core.http.validation import errors_of
from changemaker_core.web import Form

ZONES = ["America/Edmonton", "America/St_Johns", "Europe/Paris", "Australia/Lord_Howe", "UTC"]


class Level(Enum):
    LOCAL = "local"
    NATIONAL = "national"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    starts_at: datetime
    doors: time | None = None
    day: date | None = None
    clock: Annotated[datetime, Meta(tz=False)] | None = None
    level: Level = Level.LOCAL
    levels: list[Level] = []
    public: bool = False


def parse(zone: str = "America/Edmonton", **fields: str) -> Form[Event]:
    given_ = {"starts_at": "2026-07-01T18:30", **fields}
    return Form.parse(Event, list(given_.items()), errors_of, zone=zone)


def test_a_wall_time_becomes_a_moment() -> None:
    form = parse(doors="18:00", day="2026-07-01", clock="2026-07-01T18:30", level="national")
    assert form.errors == {}
    assert form.value == Event(
        starts_at=datetime(2026, 7, 2, 0, 30, tzinfo=UTC),
        doors=time(18, 0),
        day=date(2026, 7, 1),
        clock=datetime(2026, 7, 1, 18, 30),  # a field without a zone
        level=Level.NATIONAL,
    )
    assert form.data["starts_at"] == "2026-07-01T18:30"


@pytest.mark.parametrize("typed", ["2026-07-01 18:30", "2026-07-01T18:30:00", " 2026-07-01T18:30 "])
def test_it_may_be_typed_by_hand(typed: str) -> None:
    form = parse(starts_at=typed)
    assert form.value is not None
    assert form.value.starts_at == datetime(2026, 7, 2, 0, 30, tzinfo=UTC)


def test_a_moment_with_an_offset_stays_what_it_is() -> None:
    form = parse(starts_at="2026-07-01T18:30:00+02:00")
    assert form.value is not None
    assert form.value.starts_at == datetime(2026, 7, 1, 16, 30, tzinfo=UTC)


def test_a_time_that_the_clocks_skip_is_an_error_of_its_field() -> None:
    form = parse(starts_at="2026-03-08T02:30", doors="noon")
    assert form.value is None
    assert form.errors == {
        "doors": ["Enter a time such as 18:30."],
        "starts_at": ["The clocks go forward on that day: there is no 02:30. Choose a later time."],
    }


def test_a_time_that_comes_twice_is_the_earlier_one() -> None:
    form = parse(starts_at="2026-11-01T01:30")
    assert form.value is not None
    assert form.value.starts_at == datetime(2026, 11, 1, 7, 30, tzinfo=UTC)  # still summer time


@pytest.mark.parametrize(
    "typed", ["tomorrow", "2026-02-30T10:00", "0001-01-01T00:00", "9999-12-31T23:59", "12026-01-01"]
)
def test_what_is_no_time_is_an_error_and_never_an_exception(typed: str) -> None:
    form = Form.parse(Event, [("starts_at", typed)], errors_of, zone="Pacific/Kiritimati")
    assert (form.value is None) == bool(form.errors)
    assert set(form.errors) <= {"starts_at"}


@pytest.mark.parametrize("typed", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+00:01"])
def test_a_moment_that_utc_does_not_have_is_an_error_of_its_field(typed: str) -> None:
    form = parse(starts_at=typed)
    assert form.value is None
    assert form.errors == {"starts_at": ["Enter a date and time such as 2026-05-31T18:00:00Z."]}


def test_wrong_times_and_choices_are_said_in_words() -> None:
    form = parse(doors="noon", level="world")
    assert form.errors == {
        "doors": ["Enter a time such as 18:30."],
        "level": ["Choose one of: local, national."],
    }


@given(
    st.datetimes(
        min_value=datetime(1990, 1, 1),  # hypothesis wants it without a zone
        max_value=datetime(2037, 1, 1),
    ),
    st.sampled_from(ZONES),
)
def test_what_a_form_shows_it_also_reads(moment: datetime, zone: str) -> None:
    """A form of a value, sent unchanged, is that value: but for the later of two equal times."""
    moment = moment.replace(tzinfo=UTC)
    local = moment.astimezone(ZoneInfo(zone))
    event = Event(starts_at=moment, doors=time(9, 5), levels=[Level.NATIONAL], public=True)
    shown = Form.of(event, zone=zone)
    pairs = [
        (name, one)
        for name, value in shown.data.items()
        for one in ([value] if isinstance(value, str) else value)
    ]
    form = Form.parse(Event, pairs, errors_of, zone=zone)
    assert form.errors == {}
    assert form.value is not None
    earlier = local.replace(fold=0).astimezone(UTC)
    assert form.value == msgspec.structs.replace(event, starts_at=earlier)
    assert moment - earlier in (timedelta(0), timedelta(minutes=30), timedelta(hours=1))
