"""``Cron``: due times on a clock that is changed twice a year."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core import Cron, Job, Plugin, hookimpl
from changemaker_core.config import Config
from changemaker_core.jobs import Executor
from changemaker_core.jobs.schedule import Scheduler, latest_due
from changemaker_core.testing import Clock, run_jobs

EDMONTON = ZoneInfo("America/Edmonton")


def dues(expression: str, start: str, end: str, zone: str = "America/Edmonton") -> list[str]:
    """Each due time between two moments in UTC, as UTC and as the clock shows it."""
    now, until = (datetime.fromisoformat(f"{each}+00:00") for each in (start, end))
    found: list[datetime] = []
    before = latest_due(Cron(expression), now - timedelta(minutes=1), zone)
    while now < until:
        due = latest_due(Cron(expression), now, zone)
        if due != before:
            found.append(due)
        before = due
        now += timedelta(minutes=1)
    local = ZoneInfo(zone)
    return [f"{due:%d %H:%M} {due.astimezone(local):%H:%M}" for due in found]


def test_a_day_in_the_zone() -> None:
    assert dues("0 8 * * *", "2026-01-05T00:00", "2026-01-07T00:00") == [
        "05 15:00 08:00",
        "06 15:00 08:00",
    ]


def test_a_time_that_the_clock_skips_is_due_as_much_later() -> None:
    """On 8 March 2026 the clock went from 2:00 to 3:00, at 9:00 UTC."""
    start, end = "2026-03-08T06:00", "2026-03-08T12:00"
    assert dues("30 2 * * *", start, end) == ["08 09:30 03:30"]
    assert dues("0 3 * * *", start, end) == ["08 09:00 03:00"]
    assert dues("30 * * * *", start, end) == [
        "08 06:30 23:30",
        "08 07:30 00:30",
        "08 08:30 01:30",
        "08 09:30 03:30",
        "08 10:30 04:30",
        "08 11:30 05:30",
    ]


def test_a_time_that_the_clock_shows_twice_is_due_once() -> None:
    """On 1 November 2026 the clock goes from 2:00 to 1:00, at 8:00 UTC."""
    start, end = "2026-11-01T06:00", "2026-11-01T11:00"
    assert dues("30 1 * * *", start, end) == ["01 07:30 01:30"]
    assert dues("0 2 * * *", start, end) == ["01 09:00 02:00"]
    assert dues("30 * * * *", start, end) == [
        "01 06:30 00:30",
        "01 07:30 01:30",
        "01 09:30 02:30",
        "01 10:30 03:30",
    ]


@given(
    st.sampled_from(["0 8 * * *", "*/7 1-3 * * *", "30 2 * * 0", "59 23 29 2 *", "0 0 1 * 1"]),
    st.datetimes(datetime(2025, 1, 1), datetime(2030, 1, 1)),
    st.sampled_from(["America/Edmonton", "Europe/Paris", "UTC", "Australia/Lord_Howe"]),
    st.integers(1, 300),
)
def test_due_times_never_go_back_and_never_lie_ahead(
    expression: str, moment: datetime, zone: str, minutes: int
) -> None:
    now = moment.replace(tzinfo=UTC)
    later = now + timedelta(minutes=minutes)
    due = latest_due(Cron(expression), now, zone)
    assert due <= now
    assert due <= latest_due(Cron(expression), later, zone) <= later


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("8:00", "write five fields"),
        ("0 8 * *", "write five fields"),
        ("0 8 * * * *", "write five fields"),
        ("61 * * * *", "write five fields"),
        ("0 0 30 2 *", "is never due"),
        ("R R * * *", "write five fields"),
        ("0 H(8-17) * * *", "write five fields"),
        ("0,r/5 8 * * *", "write five fields"),
    ],
)
def test_what_is_no_schedule(expression: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Cron(expression)


async def test_a_scheduled_job_runs_once_at_its_time_in_the_zone_of_the_site(open_app: Any) -> None:
    ran: list[datetime] = []

    class RemindingPlugin(Plugin):
        name = "reminding"

        @hookimpl
        def cm_register_jobs(self) -> list[Job]:
            remind = lambda run: ran.append(run.site.clock())  # noqa: E731
            return [Job("reminding.remind", remind, schedule=Cron("0 8 * * *"))]

    clock = Clock()
    async with open_app(RemindingPlugin, clock=clock, time_zone="America/Edmonton") as app:
        await run_jobs(app.site)
        for _ in range(24):
            clock.forward(hours=2)
            await run_jobs(app.site)
    assert [at.astimezone(EDMONTON).hour for at in ran] == [8, 8]


def test_a_schedule_begins_when_it_is_new_or_changed(make_site: Any, clock: Clock) -> None:
    """What a version of the site before would have done, or nobody, is not done late."""
    ran: list[str] = []

    def start(expression: str, zone: str = "UTC") -> Any:
        job = Job("test.digest", lambda run: ran.append(expression), schedule=Cron(expression))
        site = make_site(job)
        site.config = Config.for_tests(site.run_folder, time_zone=zone)
        return site

    def run(site: Any, *, forward: timedelta = timedelta(0)) -> list[str]:
        clock.forward(seconds=forward.total_seconds())
        ran.clear()
        Scheduler(site).enqueue_due()
        Executor(site).run_due()
        return list(ran)

    clock.now = datetime(2026, 5, 4, 12, tzinfo=UTC)  # a Monday
    site = start("0 8 * * 1")
    assert run(site) == []
    assert run(site, forward=timedelta(days=7)) == ["0 8 * * 1"]
    changed = start("0 11 * * *")
    assert run(changed) == []
    assert run(changed, forward=timedelta(hours=23)) == ["0 11 * * *"]
    assert run(start("0 11 * * *"), forward=timedelta(days=3)) == ["0 11 * * *"]
    moved = start("0 11 * * *", "Europe/Paris")
    assert run(moved, forward=timedelta(minutes=1)) == []
    assert run(moved, forward=timedelta(days=1)) == ["0 11 * * *"]
    assert run(start("0 8 * * 1"), forward=timedelta(minutes=1)) == []
