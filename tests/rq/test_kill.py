"""Workers and their work horses killed with SIGKILL, Valkey killed and emptied: nothing is lost,
nothing is sent twice.

The long form: ``CHANGEMAKER_KILL_MAILS=5000 CHANGEMAKER_KILLS=60 CHANGEMAKER_KILL_SEED=1``.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from changemaker_core.jobs import CoreJob
from changemaker_core.shared.tickets import TicketSender
from tests.bench import lanes
from tests.bench.kill import (
    drain_to_the_end,
    judge,
    kill_while_draining,
    smtp_process,
)
from tests.bench.processes import start
from tests.bench.smtp_process import read_log

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.jobs_only_site import JobsOnlySite
    from tests.bench.valkey import ValkeyServer

Fixture = Any

MAILS = int(os.environ.get("CHANGEMAKER_KILL_MAILS", "600"))
KILLS = int(os.environ.get("CHANGEMAKER_KILLS", "5"))
SEED = int(os.environ.get("CHANGEMAKER_KILL_SEED", "20260501"))
LANE_JOBS = int(os.environ.get("CHANGEMAKER_LANE_JOBS", "30"))
WORKERS = 2
#: Of each work horse.
THREADS = 4


class Team:
    """Several workers that are started, killed and stopped as if they were one process."""

    def __init__(self, command: list[str], before_kill: Callable[[], None]) -> None:
        self._workers = [start(command) for _ in range(WORKERS)]
        self._before_kill = before_kill
        self.horses_killed = 0

    def kill(self) -> None:
        running = [worker for worker in self._workers if worker.poll() is None]
        if running:
            self._before_kill()
        for worker in running:
            worker.send_signal(signal.SIGSTOP)  # so that it forks no work horse meanwhile
            horses = children(worker.pid)
            worker.kill()
            for horse in horses:
                os.kill(horse, signal.SIGKILL)
            self.horses_killed += len(horses)

    def send_signal(self, number: int) -> None:
        for worker in self._workers:
            worker.send_signal(number)

    def wait(self, seconds: float) -> int:
        """The worst exit status."""
        return max(abs(worker.wait(seconds)) for worker in self._workers)

    def communicate(self) -> None:
        for worker in self._workers:
            worker.communicate()


def children(pid: int) -> list[int]:
    """The processes that ``pid`` has forked and that still run."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def enqueue(tx: Fixture) -> None:
    for number in range(MAILS):
        tx.enqueue("test.mail", {"number": number})


def left(site: JobsOnlySite) -> int:
    unfinished = CoreJob.due_at.is_null(False) & (CoreJob.name == "test.mail")
    return site.db.sync.read(lambda: CoreJob.select().where(unfinished).count())


def states(site: JobsOnlySite) -> dict[str, str]:
    """Message id → state, in the order in which they were enqueued."""
    mails = CoreJob.select().where(CoreJob.name == "test.mail").order_by(CoreJob.id)
    rows = site.db.sync.read(lambda: list(mails))
    return {f"<{number}@example.org>": row.state for number, row in enumerate(rows)}


@pytest.mark.proc
def test_workers_work_horses_and_valkey_are_killed(
    ledger: JobsOnlySite,
    valkey: ValkeyServer,
    worker_command: Fixture,
    tmp_path: Path,
) -> None:
    log = tmp_path / "accepted.jsonl"
    teams: list[Team] = []

    def empty_valkey_now_and_then() -> None:
        if len(teams) % 2 == 0:
            valkey.restart_empty()

    ledger.db.sync.write(enqueue)
    with smtp_process(log, delay=0.03, reply_delay=0.03) as port:
        command = worker_command(valkey.url, f"smtp://127.0.0.1:{port}")

        def start() -> Team:
            teams.append(Team(command, empty_valkey_now_and_then))
            return teams[-1]

        with TicketSender(ledger, valkey.url, function="worker_process.drain"):
            left_at_kills = kill_while_draining(
                start, lambda: left(ledger), KILLS, longest=1.2, seed=SEED
            )
            horses = sum(team.horses_killed for team in teams)
            assert left_at_kills[-1] > 0, "the queue was empty before the last kill"
            assert horses >= KILLS, "too few work horses were running at the kills"
            assert drain_to_the_end(start, lambda: left(ledger), seconds=60 + MAILS / 10) == 0

    verdict = judge(states(ledger), accepted(log), sent="done", unknown="unknown")
    print(f"left at kills: {left_at_kills}; horses killed: {horses}; unknown: {verdict.unknown}")
    assert verdict.is_good, verdict
    assert verdict.once + verdict.unknown == MAILS
    assert verdict.unknown <= horses * THREADS


@pytest.mark.proc
def test_lanes_survive_workers_that_are_killed(
    ledger: JobsOnlySite, valkey: ValkeyServer, worker_command: Fixture
) -> None:
    unfinished = CoreJob.select().where(
        CoreJob.finished_at.is_null() & (CoreJob.name == "test.lane")
    )

    def lane_jobs_left() -> int:
        return ledger.db.sync.read(unfinished.count)

    def start() -> Team:
        return Team(worker_command(valkey.url), lambda: None)

    with TicketSender(ledger, valkey.url, function="worker_process.drain"):
        for thread in lanes.start_producers(ledger, LANE_JOBS):
            thread.join()
        kill_while_draining(start, lane_jobs_left, 3, longest=0.6, seed=SEED)
        assert drain_to_the_end(start, lambda: lane_jobs_left(), seconds=120 + LANE_JOBS) == 0
    read = "SELECT text FROM test_note WHERE text <> 'tick' ORDER BY id"
    notes = ledger.db.sync.write(lambda tx: tx.database.execute_sql(read).fetchall())
    lanes.check((text for (text,) in notes), LANE_JOBS)


def accepted(log: Path) -> list[str]:
    return [mail["message_id"] for mail in read_log(log)]
