from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core.jobs import Executor
from changemaker_core.jobs.declarations import Interval, Job
from changemaker_core.jobs.purge import core_jobs
from changemaker_core.jobs.schedule import Scheduler, latest_due, slot_id

if TYPE_CHECKING:
    from changemaker_core.jobs import JobRun

Fixture = Any

moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(now=moments, interval=st.timedeltas(timedelta(seconds=1), timedelta(days=40)))
def test_the_latest_due_time(now: datetime, interval: timedelta) -> None:
    due = latest_due(Interval(interval), now)
    assert due <= now < due + interval
    assert latest_due(Interval(interval), due) == due


@given(one=moments, other=moments)
def test_ids_of_due_times(one: datetime, other: datetime) -> None:
    first, second = slot_id("a.b", one), slot_id("a.b", other)
    assert uuid.UUID(first).version == 8
    assert (first == second) == (one == other)
    assert first != slot_id("a.c", one)
    if other - one >= timedelta(milliseconds=1):
        assert first < second


def tick_job(runs: list[str], **options: Any) -> Job:
    return Job(
        "test.tick",
        lambda run: runs.append(run.id),
        schedule=Interval(timedelta(hours=1)),
        **options,
    )


def test_a_due_time_is_one_row_for_all_schedulers(
    make_site: Fixture, rows: Fixture, clock: Fixture
) -> None:
    runs: list[str] = []
    one, other = make_site(tick_job(runs)), make_site(tick_job(runs))
    schedulers = [Scheduler(one), Scheduler(other)]
    assert [scheduler.enqueue_due() for scheduler in schedulers * 2] == [1, 0, 0, 0]
    Executor(one).run_due()
    assert Scheduler(other).enqueue_due() == 0  # finished, and remembered
    clock.forward(minutes=59)
    assert [scheduler.enqueue_due() for scheduler in schedulers] == [0, 0]
    clock.forward(minutes=1)
    assert [scheduler.enqueue_due() for scheduler in schedulers] == [1, 0]
    assert len(rows(one)) == 2
    Executor(other).run_due()
    assert len(runs) == 2


def test_only_the_latest_due_time_is_caught_up_on(
    make_site: Fixture, rows: Fixture, clock: Fixture
) -> None:
    runs: list[str] = []
    site = make_site(tick_job(runs))
    Scheduler(site).enqueue_due()
    Executor(site).run_due()
    clock.forward(days=3, minutes=10)
    Scheduler(site).enqueue_due()
    assert len(rows(site)) == 2
    assert rows(site)[1].due_at == clock() - timedelta(minutes=10)


def test_runs_of_one_job_do_not_accumulate(
    make_site: Fixture, rows: Fixture, clock: Fixture
) -> None:
    runs: list[str] = []
    site = make_site(tick_job(runs))
    scheduler = Scheduler(site)
    for _ in range(5):
        scheduler.enqueue_due()
        clock.forward(hours=1)
    assert len(rows(site)) == 1


def test_old_rows_are_purged_except_current_due_times(
    make_site: Fixture, put: Fixture, rows: Fixture, clock: Fixture
) -> None:
    def fail(run: JobRun) -> None:
        run.dead("no")

    monthly = Job("test.monthly", lambda run: None, schedule=Interval(timedelta(days=30)))
    site = make_site(
        *core_jobs(), monthly, Job("test.job", lambda run: None), Job("test.fail", fail)
    )
    for name in ("test.job", "test.fail"):
        put(site, name)
    put(site, "test.job", due_at=clock() + timedelta(days=300))
    Scheduler(site).enqueue_due()
    Executor(site).run_due()
    assert len(rows(site)) == 5
    clock.forward(days=4)
    Scheduler(site).enqueue_due()
    Executor(site).run_due()
    left = sorted((row.name, row.state) for row in rows(site))
    assert left == [
        ("core.purge", "done"),
        ("test.fail", "dead"),
        ("test.job", "queued"),
        ("test.monthly", "done"),
    ]
    clock.forward(days=100)
    Scheduler(site).enqueue_due()
    Executor(site).run_due()
    assert "test.fail" not in [row.name for row in rows(site)]


@pytest.mark.parametrize("interval", [3600, timedelta(0), timedelta(hours=-1)])
def test_an_interval_is_a_positive_period(interval: Any) -> None:
    with pytest.raises(ValueError, match=r"write Interval\(timedelta\(hours=1\)\)"):
        Interval(interval)
