"""Cancelled jobs, runs that are asked to stop, retries at a given time, and progress."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from changemaker_core.db import utcnow
from changemaker_core.jobs import CoreJob, Executor, Job, JobStopped, LeaseLost, RunnerThread
from changemaker_core.jobs.declarations import RetryPolicy
from changemaker_core.jobs.models import CoreCancellation
from changemaker_core.jobs.purge import core_jobs
from changemaker_core.jobs.running import job_run
from tests.bench.processes import wait_until

if TYPE_CHECKING:
    from changemaker_core.jobs import JobRun
    from tests.bench.jobs_only_site import JobsOnlySite

Fixture = Any


def cancel(site: JobsOnlySite, job_id: str) -> bool:
    return site.db.sync.write(lambda tx: tx.cancel(job_id))


@pytest.mark.parametrize("waits", ["now", "later", "retry", "in a lane"])
def test_a_job_that_waits_is_cancelled_without_being_run(
    make_site: Fixture,
    put: Fixture,
    rows: Fixture,
    clock: Fixture,
    notes: Fixture,
    take_note: Fixture,
    waits: str,
) -> None:
    ran: list[str] = []

    def job(run: JobRun, name: str) -> None:
        ran.append(name)
        if waits == "retry":
            raise ConnectionError

    site = make_site(Job("test.job", job, on_dead=lambda tx, name: take_note(tx, name)))
    due_at = clock() + timedelta(days=3) if waits == "later" else None
    lane = "test.a" if waits == "in a lane" else None
    if lane:
        put(site, "test.job", name="first", lane=lane)
    wanted = put(site, "test.job", name="cancelled", due_at=due_at, lane=lane)
    if waits == "retry":
        Executor(site).run_due()
    before = list(ran)
    assert cancel(site, wanted)
    Executor(site).run_due()
    assert (ran, notes(site)) == ([*before, "first"] if lane else before, ["cancelled"])
    assert {row.id: row.state for row in rows(site)}[wanted] == "cancelled"
    assert not cancel(site, wanted)
    assert not cancel(site, "01890a5d-ac96-774b-bcce-b302099a8057")


def test_a_running_job_is_asked_to_stop(make_site: Fixture, put: Fixture, rows: Fixture) -> None:
    begun = threading.Event()

    def job(run: JobRun) -> None:
        begun.set()
        assert run.stopping.wait(20)
        run.stop_if_asked()

    site = make_site(Job("test.job", job), clock=utcnow)
    wanted = put(site, "test.job")
    with RunnerThread(site):
        assert begun.wait(20)
        assert cancel(site, wanted)
        wait_until(lambda: rows(site)[0].state == "cancelled")


@pytest.mark.parametrize("way", ["raise", "retry", "done", "at_risk"])
def test_how_a_job_ends_that_is_cancelled_while_it_runs(
    make_site: Fixture, put: Fixture, rows: Fixture, way: str
) -> None:
    begun = threading.Event()

    def job(run: JobRun) -> None:
        begun.set()
        assert run.stopping.wait(20)
        if way == "at_risk":
            run.at_risk()
        if way == "retry":
            return run.retry("busy")
        if way != "done":
            raise ConnectionError
        return None

    site = make_site(Job("test.job", job), clock=utcnow)
    wanted = put(site, "test.job")
    expected = {"done": "done", "at_risk": "unknown"}.get(way, "cancelled")
    with RunnerThread(site):
        assert begun.wait(20)
        cancel(site, wanted)
        wait_until(lambda: rows(site)[0].state == expected)


def test_cancelling_waits_for_no_lock_of_the_job(
    make_site: Fixture, put: Fixture, rows: Fixture, notes: Fixture, take_note: Fixture
) -> None:
    """A transaction that writes a row and cancels, beside a job that ends and writes the row."""
    both = threading.Barrier(2)

    def job(run: JobRun) -> None:
        def write(tx: Any) -> None:
            both.wait(10)
            take_note(tx, "job")

        run.done(write)

    site = make_site(Job("test.job", job), clock=utcnow)
    wanted = put(site, "test.job")
    if site.db.dialect == "sqlite":
        both = threading.Barrier(1)  # it has one writer: neither can wait for the other
    with RunnerThread(site):
        wait_until(lambda: rows(site)[0].state == "running" or rows(site)[0].state == "done")
        cancel(site, wanted)  # the job's row is locked by the transaction that waits
        if site.db.dialect == "postgresql":
            both.wait(10)
        wait_until(lambda: rows(site)[0].state == "done")
    assert notes(site) == ["job"]


def test_a_stop_asks_running_jobs_and_releases_those_that_stop(
    make_site: Fixture, put: Fixture, rows: Fixture
) -> None:
    begun = threading.Event()

    def job(run: JobRun) -> None:
        begun.set()
        assert run.stopping.wait(20)
        raise JobStopped

    site = make_site(Job("test.job", job), clock=utcnow)
    put(site, "test.job")
    with RunnerThread(site):
        assert begun.wait(20)
    (row,) = rows(site)
    assert (row.state, row.attempts, row.lease) == ("queued", 0, None)


def test_a_lost_lease_asks_the_run_to_stop(make_site: Fixture, put: Fixture, rows: Fixture) -> None:
    stopped = threading.Event()

    def job(run: JobRun) -> None:
        run.site.db.sync.write(lambda tx: CoreJob.update(lease="another").execute())
        assert run.stopping.wait(20)
        with pytest.raises(LeaseLost):
            run.write(lambda tx: None)
        stopped.set()

    site = make_site(Job("test.job", job), clock=utcnow)
    put(site, "test.job")
    with RunnerThread(site, lease=timedelta(seconds=0.5)):
        assert stopped.wait(20)
        site.db.sync.write(lambda tx: CoreJob.delete().execute())


def test_a_retry_at_a_given_time(
    make_site: Fixture, put: Fixture, rows: Fixture, clock: Fixture
) -> None:
    def job(run: JobRun) -> None:
        run.retry("busy", after=timedelta(minutes=7))

    site = make_site(Job("test.job", job, retries=RetryPolicy(deadline=timedelta(minutes=10))))
    put(site, "test.job")
    Executor(site).run_due()
    assert rows(site)[0].due_at == clock() + timedelta(minutes=7)
    clock.forward(minutes=7)
    Executor(site).run_due()
    clock.forward(minutes=7)
    Executor(site).run_due()
    assert (rows(site)[0].state, rows(site)[0].error) == ("dead", "busy")


def test_a_retry_in_the_past_is_an_error(make_site: Fixture, put: Fixture, rows: Fixture) -> None:
    site = make_site(Job("test.job", lambda run: run.retry("why", after=timedelta(seconds=-1))))
    put(site, "test.job")
    Executor(site).run_due()
    assert "is in the past" in rows(site)[0].error


def test_progress_is_stored_once_a_second_and_at_the_end(
    make_site: Fixture, put: Fixture, rows: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: list[tuple[int, int, str]] = []
    monkeypatch.setattr(job_run, "PROGRESS_SECONDS", 60.0)

    def job(run: JobRun) -> None:
        for number in range(1, 4):
            run.progress(number, 3, f"part {number}\0")
            row = rows(run.site)[0]
            stored.append((row.progress_done, row.progress_total, row.progress_note))

    site = make_site(Job("test.job", job))
    put(site, "test.job")
    Executor(site).run_due()
    assert stored == [(1, 3, "part 1"), (1, 3, "part 1"), (3, 3, "part 3")]


def test_requests_to_cancel_are_purged_with_their_jobs(
    make_site: Fixture, put: Fixture, clock: Fixture
) -> None:
    site = make_site(*core_jobs(), Job("test.job", lambda run: None))
    cancel(site, put(site, "test.job"))
    Executor(site).run_due()
    put(site, "core.purge")
    Executor(site).run_due()
    assert site.db.sync.read(CoreCancellation.select().count) == 0


def test_a_signal_that_comes_after_a_long_job_has_ended_stops_the_others(
    make_site: Fixture, put: Fixture, rows: Fixture
) -> None:
    begun, end, stop = threading.Event(), threading.Event(), threading.Event()

    def second(run: JobRun) -> None:
        begun.set()
        assert run.stopping.wait(20)
        raise JobStopped

    site = make_site(
        Job("test.first", lambda run: end.wait(20)), Job("test.second", second), clock=utcnow
    )
    put(site, "test.first")
    draining = threading.Thread(target=Executor(site, workers=2).drain, args=(0.1, stop))
    draining.start()
    time.sleep(0.5)  # the first is long; the second is started beside it
    put(site, "test.second")
    assert begun.wait(20)
    end.set()
    wait_until(lambda: rows(site)[0].state == "done")
    time.sleep(0.5)  # no more are started
    assert draining.is_alive()
    assert not stop.is_set()
    stop.set()
    draining.join(20)
    assert (rows(site)[1].state, rows(site)[1].attempts) == ("queued", 0)


def test_a_run_that_lost_its_lease_leaves_alone_the_next_run_of_its_job(
    make_site: Fixture, put: Fixture, rows: Fixture
) -> None:
    """Both are in one process, as where the database was away for longer than a lease."""
    runs: list[JobRun] = []
    lost, first_ended = threading.Event(), threading.Event()

    def job(run: JobRun) -> None:
        runs.append(run)
        if run.attempt == 1:
            change = CoreJob.update(due_at=utcnow(), lease=None, state="queued")
            run.site.db.sync.write(lambda tx: change.execute())
            assert run.stopping.wait(20)
            lost.set()
            wait_until(lambda: len(runs) == 2)
            first_ended.set()
            return
        assert first_ended.wait(20)
        time.sleep(1.5)  # three leases
        assert run.stopping.wait(20)
        run.stop_if_asked()

    site = make_site(Job("test.job", job), clock=utcnow)
    wanted = put(site, "test.job")
    with RunnerThread(site, workers=3, lease=timedelta(seconds=0.5)):
        assert lost.wait(20)
        assert first_ended.wait(20)
        time.sleep(1.5)
        assert [run.attempt for run in runs] == [1, 2]
        assert not runs[1].stopping.is_set()
        assert cancel(site, wanted)
        wait_until(lambda: rows(site)[0].state == "cancelled")
    assert len(runs) == 2


def test_a_retry_after_the_deadline_is_at_the_deadline(
    make_site: Fixture, put: Fixture, rows: Fixture, clock: Fixture
) -> None:
    site = make_site(
        Job(
            "test.job",
            lambda run: run.retry("busy", after=timedelta.max),
            retries=RetryPolicy(deadline=timedelta(minutes=10)),
        )
    )
    put(site, "test.job")
    began = clock()
    clock.forward(minutes=1)
    Executor(site).run_due()
    assert rows(site)[0].due_at == began + timedelta(minutes=10)
    clock.forward(minutes=9)
    Executor(site).run_due()
    assert rows(site)[0].state == "dead"
