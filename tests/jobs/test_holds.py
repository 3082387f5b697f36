"""Held queues: by an operator, after a restore of the database, after a long silence."""

from __future__ import annotations

import fcntl
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core.config import site_files
from changemaker_core.jobs import Executor, RunnerThread, hold_queue, holds, waiting_jobs
from changemaker_core.jobs.declarations import Job, RetryPolicy
from changemaker_core.jobs.held_queues.counter_file import CounterFile
from changemaker_core.jobs.held_queues.guard import read_heartbeat
from changemaker_core.testing.snapshots import take

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from changemaker_core.jobs import JobRun
    from changemaker_core.testing import Clock
    from tests.bench.jobs_only_site import JobsOnlySite

Fixture = Any
DAY = timedelta(hours=24)


class Post:
    """Records the mail that was sent, which no restore of the database undoes."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.first: Callable[[], object] | None = None

    def jobs(self) -> list[Job]:
        retries = RetryPolicy(initial=timedelta(minutes=1), deadline=DAY)
        return [
            Job("send", self._send, queue="mail", retries=retries, hold_after=DAY),
            Job("refuse", self._refuse, queue="mail", retries=retries, hold_after=DAY),
            Job("other", self._send),
        ]

    def _send(self, run: JobRun, to: str) -> None:
        run.at_risk()
        self.sent.append(to)
        run.done()
        if self.first is not None:
            first, self.first = self.first, None
            first()

    def _refuse(self, run: JobRun) -> None:
        run.retry("greylisted")


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def start(make_site: Fixture, post: Post) -> Callable[..., JobsOnlySite]:
    """``start(machine="one")``: a process of the site."""

    def start(machine: str = "one") -> JobsOnlySite:
        site: JobsOnlySite = make_site(*post.jobs(), machine=machine)
        return site

    return start


def reasons(site: JobsOnlySite) -> dict[str, str]:
    return {hold.queue: hold.reason for hold in site.db.sync.all(holds())}


def release(site: JobsOnlySite, queue: str = "mail") -> bool:
    return site.db.sync.write(site.jobs.guard.release, queue)


# Held by an operator


def test_no_job_of_a_held_queue_runs_while_others_do(
    start: Fixture, put: Fixture, post: Post
) -> None:
    site = start()
    put(site, "send", to="a")
    put(site, "other", to="b")
    assert site.db.sync.write(hold_queue, "mail", "operator", "moving")
    assert not site.db.sync.write(hold_queue, "mail", "silence")
    Executor(site).run_due()
    assert post.sent == ["b"]
    (held,) = site.db.sync.all(holds())
    assert (held.queue, held.reason, held.note) == ("mail", "operator", "moving")
    (waiting,) = site.db.sync.all(waiting_jobs(queue="mail"))
    assert (waiting.name, waiting.jobs, waiting.oldest) == ("send", 1, site.clock())
    assert release(site)
    assert not release(site)
    Executor(site).run_due()
    assert post.sent == ["b", "a"]


def test_a_job_that_was_claimed_does_not_pass_its_point_of_no_return(
    start: Fixture, put: Fixture, post: Post, clock: Clock
) -> None:
    site = start()
    for number in range(5):
        put(site, "send", to=str(number))
    post.first = lambda: site.db.sync.write(hold_queue, "mail", "operator")
    Executor(site).run_due()
    assert post.sent == ["0"]
    release(site)
    clock.forward(minutes=2)  # the leases of those that were stopped have ended
    Executor(site).run_due()
    assert sorted(post.sent) == ["0", "1", "2", "3", "4"]


def test_the_deadline_of_retries_starts_anew_at_a_release(
    start: Fixture, put: Fixture, rows: Fixture, clock: Clock
) -> None:
    site = start()
    put(site, "refuse")
    site.db.sync.write(hold_queue, "mail", "operator")
    clock.forward(days=3)
    release(site)
    Executor(site).run_due()
    (row,) = rows(site)
    assert (row.state, row.error) == ("queued", "greylisted")


# Restored


@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_restored_database_sends_nothing_again(
    start: Fixture,
    put: Fixture,
    post: Post,
    clock: Clock,
    database_url: str,
    before: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Wherever between three messages the snapshot was taken."""
    site = start()
    for number in range(3):
        put(site, "send", due_at=clock() + timedelta(seconds=number), to=str(number))
    restore = _run_and_take(site, before, database_url)
    site = start()
    clock.forward(seconds=3)
    Executor(site).run_due()
    assert post.sent == ["0", "1", "2"]
    site.db.close()

    restore()
    site = start()
    with caplog.at_level(logging.WARNING):
        assert Executor(site).run_due() == 0
    assert post.sent == ["0", "1", "2"]
    assert reasons(site) == {"mail": "restore"}
    assert "queue mail is held (restore)" in caplog.text

    release(site)
    site.db.close()
    site = start()
    Executor(site).run_due()
    assert post.sent[3:] == ["0", "1", "2"][before:]  # the operator has wanted it


def _run_and_take(site: JobsOnlySite, before: int, url: str) -> Callable[[], None]:
    clock: Any = site.clock
    for _ in range(before):
        Executor(site).run_due()
        clock.forward(seconds=1)
    site.db.close()
    return take(url)


def test_a_restore_without_waiting_jobs_holds_nothing(
    start: Fixture, put: Fixture, post: Post, database_url: str
) -> None:
    site = start()
    put(site, "send", to="a")
    Executor(site).run_due()
    site.db.close()
    restore = take(database_url)
    site = start()
    put(site, "send", to="b")
    Executor(site).run_due()
    site.db.close()
    restore()
    site = start()
    Executor(site).run_due()
    put(site, "send", to="c")
    Executor(site).run_due()
    assert reasons(site) == {}
    assert post.sent == ["a", "b", "c"]


def test_a_restart_without_a_restore_holds_nothing(
    start: Fixture, put: Fixture, post: Post, tmp_path: Path
) -> None:
    for number in range(3):
        site = start()
        put(site, "send", to=str(number))
        Executor(site).run_due()
        put(site, "send", to=f"{number} again")
        site.db.close()
        # A process that was killed before it wrote the file leaves it behind, or not there at all.
        if number == 1:
            (tmp_path / "one" / "queues" / "mail").unlink()
    assert len(post.sent) == 5


def test_a_database_restored_under_a_runner_sends_nothing_again(
    start: Fixture, put: Fixture, post: Post, database_url: str, wait_until: Fixture
) -> None:
    site = start()
    put(site, "send", to="a")
    site.db.close()
    restore = take(database_url)
    site = start()
    with RunnerThread(site, workers=2):
        wait_until(lambda: post.sent == ["a"])
        restore()
        wait_until(lambda: reasons(site) == {"mail": "restore"})
    assert post.sent == ["a"]


def test_two_runners_at_once_after_a_restore(
    start: Fixture, put: Fixture, post: Post, database_url: str
) -> None:
    site = start()
    for number in range(4):
        put(site, "send", to=str(number))
    site.db.close()
    restore = take(database_url)
    site = start()
    Executor(site).run_due()
    site.db.close()
    restore()
    sites = [start(), start()]
    barrier = threading.Barrier(2)

    def run(site: JobsOnlySite) -> int:
        executor = Executor(site, batch=1)
        barrier.wait(10)
        return executor.run_due()

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(run, sites)) == [0, 0]
    assert len(post.sent) == 4
    assert reasons(sites[0]) == {"mail": "restore"}


def test_one_restore_is_found_once_over_machines(
    start: Fixture, put: Fixture, post: Post, database_url: str
) -> None:
    site = start("one")
    put(site, "send", to="a")
    Executor(site).run_due()
    put(site, "send", to="b")
    site.db.close()
    restore = take(database_url)
    for machine, letters in (("one", 1), ("two", 5)):  # the second has seen a higher number
        site = start(machine)
        for _ in range(letters):
            put(site, "send", to=machine)
        Executor(site).run_due()
        site.db.close()
    restore()
    site = start("one")
    Executor(site).run_due()
    assert reasons(site) == {"mail": "restore"}
    release(site)
    Executor(start("two")).run_due()
    assert reasons(site) == {}
    assert post.sent[-1] == "b"


# Silent


def test_a_long_silence_holds_the_queue(
    start: Fixture, put: Fixture, post: Post, clock: Clock
) -> None:
    site = start()
    put(site, "send", to="a")
    Executor(site).run_due()
    put(site, "send", to="b")
    clock.forward(hours=24, minutes=2)
    put(site, "send", to="c")
    assert Executor(start()).run_due() == 0
    assert reasons(site) == {"mail": "silence"}
    release(site)
    clock.forward(hours=2)
    Executor(site).run_due()
    assert post.sent == ["a", "b", "c"]


def test_a_release_is_a_heartbeat(start: Fixture, put: Fixture, post: Post, clock: Clock) -> None:
    """A runner that is started after the release does not hold the queue for the same silence."""
    site = start()
    put(site, "send", to="a")
    clock.forward(hours=30)
    Executor(site).run_due()
    assert reasons(site) == {"mail": "silence"}
    clock.forward(hours=30)
    release(site)
    Executor(start()).run_due()
    assert post.sent == ["a"]


@pytest.mark.parametrize("pause", [timedelta(hours=23), timedelta(days=30)])
def test_an_idle_site_goes_on(
    start: Fixture, put: Fixture, post: Post, clock: Clock, pause: timedelta
) -> None:
    site = start()
    Executor(site).run_due()
    clock.forward(days=pause.days, seconds=pause.seconds)
    put(site, "send", to="a")
    clock.forward(minutes=1)
    Executor(start()).run_due()
    assert post.sent == ["a"]


def test_a_short_pause_holds_nothing(
    start: Fixture, put: Fixture, post: Post, clock: Clock
) -> None:
    site = start()
    Executor(site).run_due()
    put(site, "send", to="a")
    clock.forward(hours=23)
    Executor(start()).run_due()
    assert post.sent == ["a"]


def test_a_queue_without_hold_after_is_never_held(
    start: Fixture, put: Fixture, post: Post, clock: Clock
) -> None:
    site = start()
    put(site, "other", to="a")
    clock.forward(days=30)
    Executor(site).run_due()
    assert post.sent == ["a"]


def test_a_job_days_ahead_is_not_held_while_a_runner_works(
    start: Fixture, put: Fixture, post: Post, clock: Clock
) -> None:
    site = start()
    put(site, "send", due_at=clock() + timedelta(days=3), to="later")
    executor = Executor(site)
    for _ in range(8):
        executor.run_due()
        clock.forward(hours=10)
    executor.run_due()
    assert post.sent == ["later"]


def test_an_old_snapshot_on_a_new_machine_is_a_silence(
    start: Fixture, put: Fixture, post: Post, clock: Clock
) -> None:
    site = start("one")
    Executor(site).run_due()
    put(site, "send", to="a")
    clock.forward(hours=25)
    site = start("two")
    Executor(site).run_due()
    assert reasons(site) == {"mail": "silence"}


def test_an_executor_of_other_queues_makes_no_heartbeat(
    start: Fixture, put: Fixture, clock: Clock
) -> None:
    site = start()
    Executor(site).run_due()
    put(site, "send", to="a")
    clock.forward(hours=25)
    Executor(site, ["default"]).run_due()
    Executor(site).run_due()
    assert reasons(site) == {"mail": "silence"}


def test_an_idle_runner_makes_a_heartbeat_every_half_minute(start: Fixture, clock: Clock) -> None:
    site = start()
    executors = [Executor(site), Executor(start())]
    for _ in range(100):
        clock.forward(seconds=1)
        for executor in executors:
            executor.run_due()
    assert site.db.sync.read(read_heartbeat, "mail").number == 4


# The file


@given(st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=20))
def test_a_counter_file_only_grows(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int]
) -> None:
    path = tmp_path_factory.mktemp("count") / "run" / "count"
    assert CounterFile(path).read() == 0
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(CounterFile(path).raise_to, numbers))
    assert CounterFile(path).read() == max(numbers)


@pytest.mark.parametrize("content", [b"", b"\0" * 21, b"1234567890x"])
def test_a_broken_counter_file_counts_as_0(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "count").write_bytes(content)
    file = CounterFile(tmp_path / "count")
    assert file.read() == 0
    file.raise_to(7)
    assert file.read() == 7


def test_a_stopped_process_with_the_counter_holds_up_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site_files, "LOCK_SECONDS", 0.05)
    file = CounterFile(tmp_path / "count")
    file.raise_to(7)
    with (tmp_path / "count").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for act in (file.read, partial(file.raise_to, 8)):
            with pytest.raises(TimeoutError, match="another process has had this file locked"):
                act()
    assert file.read() == 7


@pytest.fixture
def wait_until() -> Iterator[Callable[[Callable[[], bool]], None]]:
    """Returns once a condition holds; fails when it does not in time."""
    pause = threading.Event()

    def wait(condition: Callable[[], bool]) -> None:
        for _ in range(600):
            if condition():
                return
            pause.wait(0.05)
        raise AssertionError("this did not happen in time")

    yield wait
