"""Several executors at once, leases, and how executors stop."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from changemaker_core.db import utcnow
from changemaker_core.jobs import (
    CoreJob,
    Executor,
    LeaseLost,
    QueueDepth,
    RunnerThread,
    queue_depths,
)
from changemaker_core.jobs.declarations import Job, RetryPolicy
from changemaker_core.jobs.running import executor
from tests.bench import processes
from tests.bench.processes import wait_until

if TYPE_CHECKING:
    from changemaker_core.db import Tx
    from changemaker_core.jobs import JobRun

Fixture = Any

SCRIPT = Path(__file__).with_name("runner_process.py")


def test_each_job_runs_once_over_all_executors(
    make_site: Fixture, database_url: str, notes: Fixture, take_note: Fixture, rows: Fixture
) -> None:
    def write_note(run: JobRun, number: int) -> None:
        run.done(take_note, str(number))

    sites = [make_site(Job("test.note", write_note, queue="notes"), clock=utcnow) for _ in "four"]
    command = [sys.executable, str(SCRIPT), database_url, "smtp://127.0.0.1:1"]
    threads = [threading.Thread(target=Executor(site, batch=3).run_due) for site in sites]
    with processes.running(command) as one, processes.running(command) as other:
        sites[0].db.sync.write(
            lambda tx: [tx.enqueue("test.note", {"number": number}) for number in range(1000)]
        )
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_until(lambda: all(row.state == "done" for row in rows(sites[0])))
        assert [processes.stop(process) for process in (one, other)] == [0, 0]
    assert Counter(notes(sites[0])) == Counter(str(number) for number in range(1000))
    assert {row.attempts for row in rows(sites[0])} == {1}


def test_a_job_that_was_claimed_and_not_started_has_its_attempt_left(
    make_site: Fixture, put: Fixture, rows: Fixture, clock: Fixture
) -> None:
    runs = []
    site = make_site(
        Job("test.job", lambda run: runs.append(run.id), retries=RetryPolicy(attempts=1))
    )
    put(site, "test.job")
    assert Executor(site)._claim()
    clock.forward(seconds=60)
    Executor(site).run_due()
    assert (len(runs), rows(site)[0].state) == (1, "done")


def test_due_times_are_one_row_for_all_processes(
    make_site: Fixture, database_url: str, notes: Fixture, rows: Fixture
) -> None:
    site = make_site(clock=utcnow)
    command = [sys.executable, str(SCRIPT), database_url, "smtp://127.0.0.1:1", "0.5"]
    with processes.running(command) as one, processes.running(command) as other:
        wait_until(lambda: notes(site).count("tick") >= 3)
        assert [processes.stop(process) for process in (one, other)] == [0, 0]
    due = [row.wanted_at for row in rows(site)]
    assert len(due) == len(set(due)) >= 3


@pytest.mark.parametrize("leave", [SystemExit, KeyError])
def test_a_job_cannot_end_its_worker(
    make_site: Fixture, put: Fixture, rows: Fixture, leave: type[BaseException]
) -> None:
    def job(run: JobRun) -> None:
        raise leave

    site = make_site(Job("test.job", job), Job("test.other", lambda run: None), clock=utcnow)
    with RunnerThread(site, workers=1):
        put(site, "test.job")
        put(site, "test.other")
        wait_until(lambda: [row.state for row in rows(site)] == ["queued", "done"])


@pytest.mark.parametrize("at_risk", [False, True])
def test_every_step_of_a_run_without_its_lease_is_refused(
    make_site: Fixture,
    put: Fixture,
    rows: Fixture,
    notes: Fixture,
    take_note: Fixture,
    clock: Fixture,
    at_risk: bool,
) -> None:
    refused = []

    def attempt(step: Any, *args: Any) -> None:
        with pytest.raises(LeaseLost):
            step(*args)
        refused.append(step.__name__)

    def job(run: JobRun) -> None:
        if run.attempt == 2:
            return run.done(take_note, "second")
        if at_risk:
            run.at_risk(take_note, "at risk")
        clock.forward(seconds=61)
        Executor(other).run_due()
        attempt(run.write, take_note, "never")
        attempt(run.at_risk, take_note, "never")
        attempt(run.retry, "never", take_note, "never")
        attempt(run.dead, "never", take_note, "never")
        attempt(run.unknown, "never", take_note, "never")
        run.done(take_note, "never")
        return None

    def on_unknown(tx: Fixture) -> None:
        take_note(tx, "unknown")

    site, other = (make_site(Job("test.job", job, on_unknown=on_unknown)) for _ in range(2))
    put(site, "test.job")
    Executor(site).run_due()
    assert refused == ["write", "at_risk", "retry", "dead", "unknown"]
    assert notes(site) == (["at risk", "unknown"] if at_risk else ["second"])
    assert rows(site)[0].state == ("unknown" if at_risk else "done")


def test_a_point_of_no_return_without_confirmation_is_not_retried(
    make_site: Fixture,
    put: Fixture,
    rows: Fixture,
    notes: Fixture,
    take_note: Fixture,
    clock: Fixture,
) -> None:
    def job(run: JobRun) -> None:
        run.at_risk(take_note, "at risk")
        run.is_at_risk = False  # as where the commit is not confirmed
        raise ConnectionError("the database is down")

    site = make_site(Job("test.job", job, on_unknown=lambda tx: take_note(tx, "unknown")))
    put(site, "test.job")
    Executor(site).run_due()
    assert rows(site)[0].state == "at_risk"
    clock.forward(seconds=60)
    Executor(site).run_due()
    assert rows(site)[0].state == "unknown"
    assert notes(site) == ["at risk", "unknown"]


def test_leases_are_renewed_while_jobs_run_and_long_runs_are_reported(
    make_site: Fixture, put: Fixture, rows: Fixture, caplog: Fixture
) -> None:
    runs = []

    def hang(run: JobRun) -> None:
        runs.append(run.attempt)
        wait_until(lambda: "has been running for" in caplog.text)

    # A lease that a busy machine renews in time, and a run that outlasts it.
    lease = timedelta(seconds=2)
    job = Job("test.hang", hang, expected=lease * 0.75)
    sites = [make_site(job, clock=utcnow) for _ in range(2)]
    put(sites[0], "test.hang")
    with RunnerThread(sites[0], lease=lease), RunnerThread(sites[1], lease=lease):
        wait_until(lambda: rows(sites[0])[0].state == "done")
    assert runs == [1]


def test_a_job_whose_lease_expired_is_claimed_again(
    make_site: Fixture, put: Fixture, rows: Fixture, clock: Fixture
) -> None:
    runs = []
    site = make_site(Job("test.job", lambda run: runs.append(run.attempt)))
    put(site, "test.job")
    lost = Executor(site)
    lost._claim()  # claims, and its process dies
    assert Executor(site).run_due() == 0
    clock.forward(seconds=60)
    assert Executor(site).run_due() == 1
    assert (runs, rows(site)[0].state) == ([2], "done")


def test_a_job_that_ends_its_process_each_time_is_dead(
    make_site: Fixture,
    put: Fixture,
    rows: Fixture,
    clock: Fixture,
    notes: Fixture,
    take_note: Fixture,
) -> None:
    runs = []
    site = make_site(
        Job(
            "test.job",
            lambda run: runs.append(run.attempt),
            retries=RetryPolicy(attempts=2),
            on_dead=lambda tx: take_note(tx, "dead"),
        )
    )
    put(site, "test.job")
    for _ in range(2 + executor.LAPSES):
        assert Executor(site)._claim()
        clock.forward(seconds=60)
    Executor(site).run_due()
    assert (runs, rows(site)[0].state, notes(site)) == ([], "dead", ["dead"])


def _enqueue(tx: Tx, name: str, number: int) -> list[str]:
    return [tx.enqueue(name, {}) for _ in range(number)]


def test_jobs_that_were_not_started_are_released(
    make_site: Fixture, put: Fixture, rows: Fixture
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def job(run: JobRun) -> None:
        begun.set()
        assert go_on.wait(20)

    site = make_site(Job("test.job", job), Job("test.short", lambda run: None), clock=utcnow)
    put(site, "test.short")
    runner = RunnerThread(site, workers=1)
    runner.start()
    wait_until(lambda: rows(site)[0].state == "done")  # from here on, jobs are claimed ahead
    site.db.sync.write(lambda tx: [CoreJob.delete().execute(), *_enqueue(tx, "test.job", 10)])
    assert begun.wait(20)
    wait_until(lambda: Counter(row.state for row in rows(site)) == {"running": 10})
    threading.Timer(0.2, go_on.set).start()
    runner.stop()
    assert Counter((row.state, row.attempts) for row in rows(site)) == {
        ("done", 1): 1,
        ("queued", 0): 9,
    }
    assert Executor(site).run_due() == 9


def test_a_job_that_does_not_end_is_released_at_the_stop(
    make_site: Fixture, put: Fixture, caplog: Fixture
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def job(run: JobRun) -> None:
        begun.set()
        go_on.wait(20)

    site = make_site(Job("test.job", job), clock=utcnow)
    put(site, "test.job")
    runner = RunnerThread(site, grace=timedelta(seconds=0.1))
    runner.start()
    assert begun.wait(20)
    began = time.monotonic()
    runner.stop()
    assert time.monotonic() - began < 10
    assert "still running" in caplog.text
    go_on.set()
    wait_until(lambda: not any(t.name.startswith("job-") for t in threading.enumerate()))


def test_a_commit_wakes_the_runner_of_its_process(
    make_site: Fixture, put: Fixture, monkeypatch: Fixture
) -> None:
    monkeypatch.setattr(executor, "POLL_SECONDS", 60.0)
    ran: list[int] = []
    site = make_site(Job("test.job", lambda run, number: ran.append(number)), clock=utcnow)
    runner = RunnerThread(site, workers=2)
    runner.start()
    for number in range(20):
        put(site, "test.job", number=number)
        wait_until(lambda at=number: ran == list(range(at + 1)))
    runner.stop()


def test_on_unknown_that_raises_is_called_again_later(
    make_site: Fixture,
    put: Fixture,
    rows: Fixture,
    notes: Fixture,
    take_note: Fixture,
    clock: Fixture,
) -> None:
    calls = []

    def on_unknown(tx: Fixture, number: int) -> None:
        calls.append(number)
        take_note(tx, f"unknown {number}")
        if calls == [1]:
            raise ZeroDivisionError

    job = Job("test.job", lambda run, number: None, on_unknown=on_unknown)
    site = make_site(job)
    for number in (1, 2):
        put(site, "test.job", number=number)
    site.db.sync.write(lambda tx: CoreJob.update(state="at_risk", lease="gone").execute())
    assert Executor(site).run_due() == 0
    assert [row.state for row in rows(site)] == ["at_risk", "unknown"]
    clock.forward(seconds=60)
    Executor(site).run_due()
    assert [row.state for row in rows(site)] == ["unknown", "unknown"]
    assert notes(site) == ["unknown 2", "unknown 1"]


def test_queue_depths(make_site: Fixture, put: Fixture, clock: Fixture) -> None:
    site = make_site(Job("test.a", lambda run: None), Job("test.b", lambda run: None, queue="b"))
    put(site, "test.a")
    Executor(site).run_due()
    put(site, "test.a", due_at=clock() + timedelta(days=1))
    put(site, "test.b")
    put(site, "test.b")
    assert site.db.sync.all(queue_depths()) == [
        QueueDepth("b", "queued", 2, clock()),
        QueueDepth("default", "done", 1, clock()),
        QueueDepth("default", "queued", 1, clock() + timedelta(days=1)),
    ]
