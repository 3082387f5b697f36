"""What a job's function does, and what becomes of its row."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core.db import DatabaseUnavailable
from changemaker_core.identity.actor import SYSTEM, current_actor
from changemaker_core.jobs import Executor, JobFailed
from changemaker_core.jobs.declarations import Job, RetryPolicy
from changemaker_core.jobs.running import run as run_module
from changemaker_core.jobs.running.run import delay

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core.db import Tx
    from changemaker_core.jobs import JobRun
    from changemaker_core.testing import Clock

Fixture = Any


def unknown_note(take_note: Fixture) -> Callable[..., None]:
    return lambda tx, **payload: take_note(tx, f"unknown {payload}")


def dead_note(take_note: Fixture) -> Callable[..., None]:
    return lambda tx, **payload: take_note(tx, f"dead {payload}")


def test_a_job_that_returns_is_done(
    make_site: Fixture, put: Fixture, rows: Fixture, notes: Fixture, take_note: Fixture
) -> None:
    def greet(run: JobRun, name: str) -> None:
        assert (run.name, run.attempt, run.payload) == ("test.greet", 1, {"name": name})
        assert current_actor.get() is SYSTEM
        run.write(take_note, f"hello {name}")

    site = make_site(Job("test.greet", greet, queue="slow"))
    job_id = put(site, "test.greet", name="Zoë")
    assert Executor(site).run_due() == 1
    (row,) = rows(site)
    assert (row.id, row.state, row.queue, row.attempts) == (job_id, "done", "slow", 1)
    assert (row.due_at, row.lease, row.finished_at) == (None, None, site.clock())
    assert notes(site) == ["hello Zoë"]
    assert Executor(site).run_due() == 0


def test_an_outcome_and_the_plugins_rows_are_one_transaction(
    make_site: Fixture, put: Fixture, rows: Fixture, notes: Fixture, take_note: Fixture
) -> None:
    def write_and_fail(tx: Fixture) -> None:
        take_note(tx, "never")
        raise ZeroDivisionError

    def job(run: JobRun) -> None:
        run.done(write_and_fail)

    site = make_site(Job("test.job", job))
    put(site, "test.job")
    Executor(site).run_due()
    assert rows(site)[0].state == "queued"
    assert notes(site) == []


def test_an_exception_before_the_point_of_no_return_is_retried(
    make_site: Fixture, put: Fixture, rows: Fixture, clock: Fixture
) -> None:
    attempts = []

    def job(run: JobRun) -> None:
        attempts.append(run.attempt)
        if run.attempt < 3:
            raise ConnectionError("not\0 there")

    site = make_site(Job("test.job", job, retries=RetryPolicy(initial=timedelta(seconds=10))))
    put(site, "test.job")
    executor = Executor(site)
    executor.run_due()
    (row,) = rows(site)
    assert (row.state, row.error) == ("queued", "ConnectionError: not there")
    assert timedelta(seconds=8) <= row.due_at - clock() <= timedelta(seconds=12)
    clock.forward(seconds=7.9)
    assert executor.run_due() == 0
    clock.forward(seconds=4.2)
    assert executor.run_due() == 1
    assert timedelta(seconds=16) <= rows(site)[0].due_at - clock() <= timedelta(seconds=24)
    clock.forward(seconds=24.1)
    assert executor.run_due() == 1
    assert attempts == [1, 2, 3]
    assert (rows(site)[0].state, rows(site)[0].error) == ("done", None)


def test_an_exception_after_it_is_unknown_and_not_retried(
    make_site: Fixture, put: Fixture, rows: Fixture, notes: Fixture, take_note: Fixture
) -> None:
    def job(run: JobRun, number: int) -> None:
        run.at_risk(take_note, "at risk")
        raise ConnectionError("gone")

    site = make_site(Job("test.job", job, on_unknown=unknown_note(take_note)))
    put(site, "test.job", number=7)
    Executor(site).run_due()
    (row,) = rows(site)
    assert (row.state, row.due_at, row.error) == ("unknown", None, "ConnectionError: gone")
    assert notes(site) == ["at risk", "unknown {'number': 7}"]


@pytest.mark.parametrize("at_risk", [True, False])
@pytest.mark.parametrize(
    ("outcome", "state", "hook"),
    [("dead", "dead", "dead {}"), ("unknown", "unknown", "unknown {}")],
)
def test_the_outcome_that_the_function_settles(
    make_site: Fixture,
    put: Fixture,
    rows: Fixture,
    notes: Fixture,
    take_note: Fixture,
    at_risk: bool,
    outcome: str,
    state: str,
    hook: str,
) -> None:
    def job(run: JobRun, own: bool = False) -> None:
        if at_risk:
            run.at_risk()
        getattr(run, outcome)("because", *([take_note, "own"] if own else []))

    hooks = {"on_unknown": unknown_note(take_note), "on_dead": dead_note(take_note)}
    site = make_site(Job("test.job", job, **hooks))
    put(site, "test.job")
    Executor(site).run_due()
    put(site, "test.job", own=True)
    Executor(site).run_due()
    assert [(row.state, row.error) for row in rows(site)] == [(state, "because")] * 2
    assert notes(site) == [hook, "own"]


def test_a_retry_after_the_point_of_no_return(
    make_site: Fixture, put: Fixture, rows: Fixture, notes: Fixture, take_note: Fixture
) -> None:
    def job(run: JobRun) -> None:
        run.at_risk(take_note, "sending")
        run.retry("451 later", take_note, "queued")

    site = make_site(Job("test.job", job))
    put(site, "test.job")
    Executor(site).run_due()
    assert (rows(site)[0].state, notes(site)) == ("queued", ["sending", "queued"])


def test_job_failed_is_dead_at_once(
    make_site: Fixture, put: Fixture, rows: Fixture, notes: Fixture, take_note: Fixture
) -> None:
    def job(run: JobRun) -> None:
        raise JobFailed("no such campaign")

    site = make_site(Job("test.job", job, on_dead=dead_note(take_note)))
    put(site, "test.job")
    Executor(site).run_due()
    assert (rows(site)[0].state, rows(site)[0].error) == ("dead", "no such campaign")
    assert notes(site) == ["dead {}"]


@pytest.mark.parametrize(
    ("retries", "runs"),
    [
        (RetryPolicy(attempts=1), 1),
        (RetryPolicy(attempts=3), 3),
        (RetryPolicy(initial=timedelta(hours=10), maximum=timedelta(hours=10)), 4),
    ],
)
def test_a_job_is_dead_when_its_retry_policy_is_exhausted(
    make_site: Fixture,
    put: Fixture,
    rows: Fixture,
    notes: Fixture,
    take_note: Fixture,
    clock: Fixture,
    retries: RetryPolicy,
    runs: int,
) -> None:
    def job(run: JobRun) -> None:
        run.retry("not now", take_note, "queued again")

    site = make_site(Job("test.job", job, retries=retries, on_dead=dead_note(take_note)))
    put(site, "test.job", due_at=clock() + timedelta(days=3))
    clock.forward(days=3)
    for _ in range(20):
        Executor(site).run_due()
        clock.forward(hours=9)
    (row,) = rows(site)
    assert row.state == "dead"
    assert 1 <= row.attempts <= runs
    assert notes(site) == ["queued again"] * (row.attempts - 1) + ["dead {}"]


def test_a_settled_run_cannot_be_settled_again(
    make_site: Fixture, put: Fixture, rows: Fixture
) -> None:
    refused = []

    def job(run: JobRun) -> None:
        run.done()
        with pytest.raises(RuntimeError):
            run.retry("no")
        refused.append(run.id)
        raise ValueError("raised after it was done")

    site = make_site(Job("test.job", job))
    job_id = put(site, "test.job")
    Executor(site).run_due()
    assert (refused, rows(site)[0].state) == ([job_id], "done")


def test_a_job_that_this_process_does_not_have_is_left_alone(
    make_site: Fixture, put: Fixture, rows: Fixture
) -> None:
    ran = []
    other = Job("other.job", lambda run: ran.append(run.name))
    known = Job("test.job", lambda run: ran.append(run.name))
    both, one = make_site(other, known), make_site(known)
    put(both, "other.job")
    put(both, "test.job")
    assert Executor(one).run_due() == 1
    assert Executor(both, names=["test.job"]).run_due() == 0
    assert [(row.name, row.state, row.attempts) for row in rows(both)] == [
        ("other.job", "queued", 0),
        ("test.job", "done", 1),
    ]
    assert Executor(both).run_due() == 1


def test_queues(make_site: Fixture, put: Fixture) -> None:
    ran = []
    jobs = [Job(f"test.{q}", lambda run: ran.append(run.name), queue=q) for q in ("a", "b")]
    site = make_site(*jobs)
    for _ in range(12):
        put(site, "test.a")
    put(site, "test.b")
    assert Executor(site, queues=["b"]).run_due() == 1
    put(site, "test.b")
    assert Executor(site, batch=5).run_due() == 13
    assert ran.index("test.b", 1) <= 6  # its turn came, though the other queue was longer
    put(site, "test.a")
    put(site, "test.b")
    before = len(ran)
    Executor(site, queues=["a"], batch=20).drain(seconds=5)
    assert ran[before:] == ["test.a"]


def test_jobs_are_run_in_the_order_in_which_they_are_due(
    make_site: Fixture, put: Fixture, clock: Fixture
) -> None:
    ran = []
    site = make_site(Job("test.job", lambda run, number: ran.append(number)))
    for number in (3, 1, 2):
        put(site, "test.job", due_at=clock() + timedelta(seconds=number), number=number)
    clock.forward(seconds=3)
    Executor(site).run_due()
    assert ran == [1, 2, 3]


@given(
    attempt=st.integers(1, 10_000),
    first=st.timedeltas(timedelta(seconds=1), timedelta(days=2)),
    longest=st.timedeltas(timedelta(seconds=1), timedelta(days=30)),
)
def test_the_delay_doubles_within_bounds(
    attempt: int, first: timedelta, longest: timedelta
) -> None:
    expected = min(first * 2.0 ** min(attempt - 1, 20), longest)
    waited = delay(RetryPolicy(initial=first, maximum=longest), attempt)
    assert expected * 0.79 <= waited <= expected * 1.21


def test_an_unavailable_database_uses_up_no_attempt(
    make_site: Fixture, put: Fixture, rows: Fixture, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    runs: list[int] = []

    def job(run: JobRun) -> None:
        runs.append(run.attempt)
        if len(runs) < 4:
            raise DatabaseUnavailable("database or disk is full")

    site = make_site(Job("test.job", job, retries=RetryPolicy(attempts=1)))
    put(site, "test.job")
    executor = Executor(site)
    for _ in range(3):
        assert executor.run_due() == 1
        assert executor.run_due() == 0  # not at once again
        assert rows(site)[0].state == "queued"
        clock.forward(seconds=10)
    executor.run_due()
    assert (rows(site)[0].state, runs) == ("done", [1, 1, 1, 1])
    assert "Traceback" not in caplog.text


def test_a_job_that_always_finds_it_unavailable_ends_at_its_deadline(
    make_site: Fixture, put: Fixture, rows: Fixture, clock: Clock
) -> None:
    def job(run: JobRun) -> None:
        raise DatabaseUnavailable("deadlock detected")

    site = make_site(Job("test.job", job, retries=RetryPolicy(deadline=timedelta(minutes=1))))
    put(site, "test.job")
    for _ in range(8):
        Executor(site).run_due()
        clock.forward(seconds=11)
    assert rows(site)[0].state == "dead"


def test_what_happened_outside_is_recorded_once_the_database_is_back(
    make_site: Fixture, put: Fixture, rows: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "STEP_SECONDS", 0.01)
    failures = iter([True, True, False])

    def sent(tx: Tx) -> None:
        if next(failures):
            raise DatabaseUnavailable("database or disk is full")

    def job(run: JobRun) -> None:
        run.at_risk()
        run.done(sent)

    site = make_site(Job("test.job", job))
    put(site, "test.job")
    Executor(site).run_due()
    assert (rows(site)[0].state, rows(site)[0].error) == ("done", None)


def test_an_on_dead_for_which_the_database_is_unavailable_is_called_again(
    make_site: Fixture,
    put: Fixture,
    rows: Fixture,
    notes: Fixture,
    take_note: Fixture,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """(!) A lock that is not free, or a full disk, ends no job without its hook: what the plugin
    says of it would wait for ever."""
    calls = []

    def on_dead(tx: Tx) -> None:
        take_note(tx, "dead")
        calls.append(1)
        if len(calls) == 1:
            make_unavailable(tx)

    def job(run: JobRun) -> None:
        raise ConnectionError("away")

    retries = RetryPolicy(attempts=1)
    site = make_site(Job("test.job", job, retries=retries, on_dead=on_dead))
    put(site, "test.job")
    Executor(site).run_due()
    assert [row.state for row in rows(site)] != ["dead"]
    assert (calls, notes(site)) == ([1], [])
    assert "on_dead failed" not in caplog.text
    clock.forward(minutes=5)
    Executor(site).run_due()
    assert [(row.state, row.error) for row in rows(site)] == [("dead", "ConnectionError: away")]
    assert notes(site) == ["dead"]


def make_unavailable(tx: Tx) -> None:
    """Raise what the driver raises where a lock is not free, or on SQLite where a disk is full."""
    if tx.dialect == "postgresql":
        tx.database.execute_sql("DO $$BEGIN RAISE 'no' USING ERRCODE = '55P03'; END$$")
    tx.database.execute_sql("PRAGMA max_page_count = 1")  # as many as there are
    try:
        tx.database.execute_sql("INSERT INTO test_note (text) VALUES (zeroblob(1000000))")
    finally:
        tx.database.execute_sql("PRAGMA max_page_count = 1000000")


def test_an_on_dead_that_raises_ends_the_job_all_the_same(
    make_site: Fixture,
    put: Fixture,
    rows: Fixture,
    notes: Fixture,
    take_note: Fixture,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Otherwise the function runs again and again. What the hook has done is undone, and what
    was to happen after the commit does not."""
    runs, committed = [], []

    def job(run: JobRun) -> None:
        runs.append(run.attempt)
        raise ConnectionError("away")

    def on_dead(tx: Tx) -> None:
        take_note(tx, "dead")
        tx.enqueue("test.job", {})
        tx.after_commit(lambda: committed.append(1))
        tx.database.execute_sql("SELECT * FROM no_such_table")

    retries = RetryPolicy(attempts=1)
    site = make_site(Job("test.job", job, retries=retries, on_dead=on_dead))
    put(site, "test.job")
    for _ in range(3):
        Executor(site).run_due()
        clock.forward(minutes=2)
    assert [(row.state, row.error) for row in rows(site)] == [("dead", "ConnectionError: away")]
    assert (runs, notes(site), committed) == ([1], [], [])
    assert "on_dead failed" in caplog.text
