"""How many jobs of a queue, and of a kind, run at once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core.db import utcnow
from changemaker_core.jobs import Executor, Job, RunnerThread, statements
from changemaker_core.jobs.running.slots import Slots
from tests.bench.processes import wait_until

if TYPE_CHECKING:
    from changemaker_core.jobs import JobRun

Fixture = Any


class AtOnce:
    """Counts how many calls run at once, by name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    def run(self, name: str, seconds: float) -> None:
        with self._lock:
            self.now[name] += 1
            self.most[name] = max(self.most[name], self.now[name])
        time.sleep(seconds)
        with self._lock:
            self.now[name] -= 1


def test_mail_does_not_wait_behind_long_jobs_of_another_queue(
    make_site: Fixture, put: Fixture, rows: Fixture
) -> None:
    sent, end = threading.Event(), threading.Event()
    site = make_site(
        Job("test.video", lambda run: end.wait(60), queue="media"),
        Job("test.mail", lambda run: sent.set(), queue="mail"),
        clock=utcnow,
    )
    for _ in range(12):
        put(site, "test.video")
    with RunnerThread(site):
        wait_until(lambda: Counter(row.state for row in rows(site))["running"] == 4)
        put(site, "test.mail")
        wait_until(sent.is_set)
        assert Counter(row.state for row in rows(site) if row.queue == "media")["done"] == 0
        end.set()


def test_a_queue_runs_as_many_jobs_at_once_as_it_is_configured_to(
    make_site: Fixture, put: Fixture, rows: Fixture
) -> None:
    at_once = AtOnce()

    def job(run: JobRun, queue: str) -> None:
        at_once.run(queue, 0.05)

    names = ("media", "mail", "other")
    jobs = [Job(f"test.{queue}", job, queue=queue) for queue in names]
    site = make_site(*jobs, clock=utcnow)
    for _ in range(12):
        for queue in names:
            put(site, f"test.{queue}", queue=queue)
    with RunnerThread(site, workers=3, concurrency={"media": 1, "mail": 6}):
        wait_until(lambda: {row.state for row in rows(site)} == {"done"})
    assert (at_once.most["media"], at_once.most["other"]) == (1, 3)
    assert 3 < at_once.most["mail"] <= 6


def test_a_job_runs_at_most_so_often_at_once_over_all_runners(
    make_site: Fixture, put: Fixture, rows: Fixture
) -> None:
    at_once = AtOnce()

    def job(run: JobRun) -> None:
        at_once.run(run.name, 0.05)

    jobs = Job("test.limited", job, at_most=2), Job("test.free", job)
    sites = [make_site(*jobs, clock=utcnow) for _ in range(2)]
    for _ in range(10):
        put(sites[0], "test.limited")
        put(sites[0], "test.free")
    with RunnerThread(sites[0]), RunnerThread(sites[1]):
        wait_until(lambda: {row.state for row in rows(sites[0])} == {"done"})
    assert at_once.most["test.limited"] == 2
    assert at_once.most["test.free"] > 2


def test_a_limit_below_one_is_an_error() -> None:
    with pytest.raises(ValueError, match="would never run; use 1"):
        Job("test.job", lambda run: None, at_most=0)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60))
def test_slots_hold_every_limit_and_lose_no_job(steps: list[tuple[str, bool]]) -> None:
    limits = {"a": 1, "b": 2, "c": 4}
    slots, running, started, number = Slots(limits.__getitem__, 10), Counter[str](), [], 0
    for queue, finishes in steps:
        if finishes and running[queue]:
            slots.finished(queue, 0.01)
            running[queue] -= 1
        wanted = slots.claimable(queue)
        claimed: list[Any] = [f"{queue}{number + n}" for n in range(wanted)]
        number += wanted
        slots.add(queue, claimed)
        while (taken := slots.take()) is not None:
            name, job = taken
            started.append(job)
            running[name] += 1
            assert running[name] <= limits[name]
    assert len({*started, *map(str, slots.unstarted())}) == number


def test_jobs_with_a_limit_are_claimed_in_order_of_due_time_too(
    make_site: Fixture, put: Fixture, clock: Fixture
) -> None:
    ran: list[str] = []

    def job(run: JobRun) -> None:
        ran.append(run.name)
        clock.forward(seconds=1)
        if len(ran) < 6:  # a backlog that does not end
            put(run.site, run.name)

    site = make_site(Job("test.free", job), Job("test.limited", job, at_most=1))
    for name in ("test.free", "test.limited"):
        put(site, name)
        clock.forward(seconds=1)
    Executor(site, batch=1).run_due()
    assert ran[:6] == ["test.free", "test.limited"] * 3


def test_a_claim_takes_no_more_jobs_than_their_limit_and_fills_up_with_others(
    make_site: Fixture, put: Fixture, clock: Fixture
) -> None:
    names = ("test.free", "test.limited")
    limited = Job("test.limited", lambda run: None, at_most=2)
    site = make_site(Job("test.free", lambda run: None), limited)
    for name in reversed(names):
        for _ in range(5):
            put(site, name)
        clock.forward(seconds=1)
    claimed = Counter(job.name for job in Executor(site)._claim())
    assert claimed == {"test.limited": 2, "test.free": 2}
    left = {"test.limited": 2}
    queues = site.db.sync.read(
        statements.queues_with_due, ["default"], ["test.limited"], left, clock()
    )
    assert queues == []  # all that may run do, although others are due
