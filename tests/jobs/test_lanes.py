"""Lanes keep their order, one job at a time; keys are wake-ups that are never lost."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from changemaker_core.db import new_id, utcnow
from changemaker_core.jobs import CoreJob, Executor, Job, JobFailed, RunnerThread, hold_queue
from changemaker_core.jobs.declarations import Interval, RetryPolicy
from changemaker_core.jobs.purge import core_jobs
from tests.bench.processes import wait_until

if TYPE_CHECKING:
    from changemaker_core.db import Tx
    from changemaker_core.jobs import JobRun
    from tests.bench.jobs_only_site import JobsOnlySite

Fixture = Any


def due(rows: list[CoreJob]) -> list[CoreJob]:
    return [row for row in rows if row.due_at is not None]


def test_only_the_head_of_a_lane_can_be_claimed(
    make_site: Fixture, put: Fixture, rows: Fixture
) -> None:
    ran: list[int] = []
    site = make_site(Job("test.job", lambda run, number: ran.append(number)))
    ids = [put(site, "test.job", lane="test.a", number=number) for number in range(5)]
    put(site, "test.job", lane="test.b", number=9)
    assert sorted(row.id for row in due(rows(site))) == sorted([ids[0], rows(site)[-1].id])
    assert len(Executor(site, batch=10)._claim()) == 2
    Executor(site).run_due()
    assert ran == []
    Executor(make_site(Job("test.job", lambda run, number: ran.append(number)))).run_due()
    assert ran == []  # the leases of the first executor still hold


@pytest.mark.parametrize("many", [False, True])
def test_a_lane_keeps_the_order_of_its_jobs(make_site: Fixture, put: Fixture, many: bool) -> None:
    ran: list[int] = []
    site = make_site(Job("test.job", lambda run, number: ran.append(number)))
    if many:
        site.db.sync.write(
            lambda tx: [tx.enqueue("test.job", {"number": n}, lane="test.a") for n in range(30)]
        )
    else:
        for number in range(30):
            put(site, "test.job", lane="test.a", number=number)
    assert Executor(site).run_due() == 30
    assert ran == list(range(30))


def test_a_retry_keeps_the_head_and_the_next_has_all_its_time(
    make_site: Fixture, put: Fixture, rows: Fixture, clock: Fixture
) -> None:
    ran: list[str] = []

    def job(run: JobRun, name: str) -> None:
        ran.append(name)
        if name == "dead":
            raise ConnectionError

    retries = RetryPolicy(initial=timedelta(minutes=1), deadline=timedelta(hours=5))
    site = make_site(Job("test.job", job, retries=retries))
    put(site, "test.job", lane="test.a", name="dead")
    put(site, "test.job", lane="test.a", name="next")
    for _ in range(6):
        Executor(site).run_due()
        clock.forward(hours=2)
    assert ran[-1] == "next"
    assert set(ran[:-1]) == {"dead"}
    assert [row.state for row in rows(site)] == ["dead", "done"]
    assert rows(site)[1].wanted_at > rows(site)[0].wanted_at + timedelta(hours=5)


@pytest.mark.parametrize("outcome", ["done", "dead", "failed", "unknown", "lapsed"])
def test_every_end_hands_on(
    make_site: Fixture, put: Fixture, rows: Fixture, clock: Fixture, outcome: str
) -> None:
    def job(run: JobRun, first: bool = False) -> None:
        if first and outcome in ("unknown", "lapsed"):
            run.at_risk()
            if outcome == "lapsed":
                run.is_at_risk = False  # so that it cannot be settled, as if its process had died
            raise ConnectionError
        if first and outcome == "dead":
            run.dead("why")
        if first and outcome == "failed":
            raise JobFailed

    site = make_site(Job("test.job", job))
    put(site, "test.job", lane="test.a", first=True)
    put(site, "test.job", lane="test.a")
    Executor(site).run_due()
    clock.forward(minutes=2)
    Executor(site).run_due()
    first, second = rows(site)
    expected = {"failed": "dead", "lapsed": "unknown"}.get(outcome, outcome)
    assert (first.state, second.state) == (expected, "done")


def test_a_head_that_has_its_time_later_keeps_the_others_waiting(
    make_site: Fixture, put: Fixture, clock: Fixture
) -> None:
    ran: list[int] = []
    site = make_site(Job("test.job", lambda run, number: ran.append(number)))
    put(site, "test.job", lane="test.a", number=1, due_at=clock() + timedelta(hours=1))
    put(site, "test.job", lane="test.a", number=2)
    Executor(site).run_due()
    assert ran == []
    clock.forward(hours=1)
    Executor(site).run_due()
    assert ran == [1, 2]


def test_a_held_queue_holds_its_lanes_and_a_release_goes_on(
    make_site: Fixture, put: Fixture
) -> None:
    ran: list[int] = []
    site = make_site(Job("test.job", lambda run, number: ran.append(number)))
    for number in range(3):
        put(site, "test.job", lane="test.a", number=number)
    site.db.sync.write(hold_queue, "default", "operator")
    assert Executor(site).run_due() == 0
    site.db.sync.write(site.jobs.guard.release, "default")
    Executor(site).run_due()
    assert ran == [0, 1, 2]


def test_a_savepoint_that_fails_takes_its_lane_jobs_with_it(
    make_site: Fixture, rows: Fixture
) -> None:
    site = make_site(Job("test.job", lambda run: None))

    def write(tx: Tx) -> None:
        tx.enqueue("test.job", {}, lane="test.a")
        with pytest.raises(ZeroDivisionError), tx.savepoint():
            tx.enqueue("test.job", {}, lane="test.a")
            raise ZeroDivisionError

    site.db.sync.write(write)
    assert len(rows(site)) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lane": ""}, "1 to 500 printable"),
        ({"lane": "a\n"}, "1 to 500 printable"),
        ({"key": "k" * 501}, "1 to 500 printable"),
        ({"lane": "key:a"}, "core itself"),
        ({"lane": "a", "key": "a"}, "a key or a lane"),
    ],
)
def test_lanes_and_keys_that_cannot_be(
    make_site: Fixture, put: Fixture, options: dict[str, str], message: str
) -> None:
    site = make_site(Job("test.job", lambda run: None))
    with pytest.raises(ValueError, match=message):
        put(site, "test.job", **options)


def test_transactions_over_the_same_lanes_never_wait_for_each_other(
    make_site: Fixture, rows: Fixture
) -> None:
    """PostgreSQL would end one of two transactions that did."""
    order: list[tuple[str, int]] = []
    site = make_site(
        Job("test.job", lambda run, lane, number: order.append((lane, number))), clock=utcnow
    )
    lanes = [f"test.{n}" for n in range(6)]
    both = threading.Barrier(3)

    def produce(number: int) -> None:
        both.wait(10)
        for round_ in range(15):
            names = lanes if number % 2 else lanes[::-1]

            def write(tx: Tx, names: list[str] = names, round_: int = round_) -> None:
                for lane in names:
                    tx.enqueue(
                        "test.job", {"lane": lane, "number": 100 * number + round_}, lane=lane
                    )

            site.db.sync.write(write)

    threads = [threading.Thread(target=produce, args=(n,)) for n in range(3)]
    with RunnerThread(site):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_until(lambda: len(order) == 3 * 15 * 6)
    for lane in lanes:
        numbers = [number for name, number in order if name == lane]
        for producer in range(3):
            own = [number for number in numbers if number // 100 == producer]
            assert own == sorted(own)


STEPS = st.sampled_from(["a", "b", "ab", "run", "fail", "die", "risk", "later"])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, max_size=25))
def test_whatever_happens_order_is_kept_and_none_is_lost(
    make_site: Fixture, clock: Fixture, steps: list[str]
) -> None:
    begun: dict[str, list[int]] = {"a": [], "b": []}
    fate = ["run"]

    def job(run: JobRun, lane: str, number: int) -> None:
        if number not in begun[lane]:
            begun[lane].append(number)
        if fate[0] == "risk":
            run.at_risk()
        if fate[0] in ("fail", "risk"):
            raise ConnectionError

    site: JobsOnlySite = make_site(Job("test.job", job, retries=RetryPolicy(attempts=3)))
    site.db.sync.write(lambda tx: CoreJob.delete().execute())
    mark, wanted = new_id(), Counter[str]()

    def enqueue(lanes: str) -> None:
        def write(tx: Tx) -> None:
            for lane in lanes:
                payload = {"lane": lane, "number": wanted[lane]}
                tx.enqueue("test.job", payload, lane=f"test.{mark}.{lane}")
                wanted[lane] += 1

        site.db.sync.write(write)

    for step in steps:
        if step in ("a", "b", "ab"):
            enqueue(step)
        elif step == "later":
            clock.forward(minutes=2)
        elif step == "die":
            Executor(site)._claim()  # and its process ends
        else:
            fate[0] = step
            Executor(site, batch=1).run_due()
        by_lane = Counter(lane for (lane,) in site.db.sync.read(_leased_and_due))
        assert all(number == 1 for number in by_lane.values())
    fate[0] = "run"
    for _ in range(8):
        Executor(site).run_due()
        clock.forward(hours=2)
    assert begun == {lane: list(range(wanted[lane])) for lane in "ab"}
    site.db.close()


def _leased_and_due() -> list[tuple[str]]:
    return list(CoreJob.select(CoreJob.lane).where(CoreJob.due_at.is_null(False)).tuples())


# Keys


def test_a_wake_up_while_the_job_finishes_is_not_lost(
    make_site: Fixture, put: Fixture, notes: Fixture, take_note: Fixture
) -> None:
    """It reads; then another transaction writes and wakes it; then it ends."""
    seen: list[int] = []
    read, written = threading.Event(), threading.Event()

    def job(run: JobRun) -> None:
        seen.append(len(notes(run.site)))
        read.set()
        if len(seen) == 1:
            assert written.wait(10)

    site = make_site(Job("test.sync", job), clock=utcnow)
    put(site, "test.sync", key="sync")
    with RunnerThread(site):
        assert read.wait(10)

        def write(tx: Tx) -> None:
            take_note(tx, "new")
            tx.enqueue("test.sync", {}, key="sync")

        site.db.sync.write(write)
        written.set()
        wait_until(lambda: seen[-1] == 1)


def test_a_job_that_a_transaction_counts_on_starts_after_its_commit(
    make_site: Fixture, put: Fixture, notes: Fixture, take_note: Fixture
) -> None:
    """The job waits when the transaction is told so, and could be claimed before it commits."""
    seen: list[int] = []
    site = make_site(Job("test.sync", lambda run: seen.append(len(notes(run.site)))), clock=utcnow)
    for number in range(30):
        put(site, "test.sync", key="sync", due_at=utcnow() + timedelta(milliseconds=20))
        with RunnerThread(site, workers=2):

            def write(tx: Tx) -> None:
                take_note(tx, "new")
                tx.enqueue("test.sync", {}, key="sync")

            threading.Event().wait(0.02)
            site.db.sync.write(write)
            wait_until(lambda at=number + 1: seen != [] and seen[-1] == at)


def test_a_job_that_runs_takes_one_wake_up_and_not_more(
    make_site: Fixture, put: Fixture, rows: Fixture
) -> None:
    runs: list[int] = []

    def job(run: JobRun) -> None:
        runs.append(1)
        if len(runs) == 1:
            assert len({put(run.site, "test.sync", key="sync") for _ in range(3)}) == 1

    site = make_site(Job("test.sync", job))
    first = put(site, "test.sync", key="sync")
    Executor(site).run_due()
    assert len(runs) == len(rows(site)) == 2
    assert rows(site)[0].id == first


def test_a_job_may_enqueue_its_own_key_as_it_ends(make_site: Fixture, put: Fixture) -> None:
    runs: list[int] = []

    def job(run: JobRun) -> None:
        runs.append(run.attempt)
        if len(runs) < 3:
            run.done(lambda tx: tx.enqueue("test.sync", {}, key="sync"))

    site = make_site(Job("test.sync", job))
    put(site, "test.sync", key="sync")
    Executor(site).run_due()
    assert runs == [1, 1, 1]


def test_one_key_in_one_transaction_is_one_job(make_site: Fixture, rows: Fixture) -> None:
    site = make_site(Job("test.sync", lambda run: None))
    one, other = site.db.sync.write(
        lambda tx: [tx.enqueue("test.sync", {}, key="sync") for _ in range(2)]
    )
    assert [row.id for row in rows(site)] == [one] == [other]


def test_a_lane_of_purged_jobs_begins_again(
    make_site: Fixture, put: Fixture, rows: Fixture, clock: Fixture
) -> None:
    ran: list[int] = []
    site = make_site(*core_jobs(), Job("test.job", lambda run, number: ran.append(number)))
    put(site, "test.job", lane="test.a", number=1)
    Executor(site).run_due()
    clock.forward(days=5)
    put(site, "core.purge")
    Executor(site).run_due()
    assert [row.name for row in rows(site)] == ["core.purge"]
    put(site, "test.job", lane="test.a", number=2)
    Executor(site).run_due()
    assert ran == [1, 2]


def test_a_scheduled_job_that_runs_long_skips_its_next_times(
    make_site: Fixture, rows: Fixture, clock: Fixture
) -> None:
    from changemaker_core.jobs.schedule import Scheduler

    site = make_site(Job("test.tick", lambda run: None, schedule=Interval(timedelta(hours=1))))
    scheduler = Scheduler(site)
    for _ in range(3):
        scheduler.enqueue_due()
        clock.forward(hours=1)
    assert len(rows(site)) == 1
    Executor(site).run_due()
    scheduler.enqueue_due()
    assert len(rows(site)) == 2


def test_a_key_twice_in_one_transaction_is_the_job_that_waits(
    make_site: Fixture, put: Fixture, rows: Fixture
) -> None:
    site = make_site(Job("test.sync", lambda run: None))
    waits = put(site, "test.sync", key="sync")
    ids = site.db.sync.write(lambda tx: [tx.enqueue("test.sync", {}, key="sync") for _ in range(2)])
    assert [row.id for row in rows(site)] == [waits]
    assert ids == [waits, waits]
