"""Runners killed with SIGKILL: no message is lost, none is sent twice.

The long form: ``CHANGEMAKER_KILL_MAILS=5000 CHANGEMAKER_KILLS=60 CHANGEMAKER_KILL_SEED=1``.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from changemaker_core.jobs import CoreJob
from changemaker_core.jobs.declarations import Job
from tests.bench import processes
from tests.bench.kill import drain_to_the_end, judge, kill_while_draining, smtp_process
from tests.bench.processes import wait_until
from tests.bench.smtp_process import read_log

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from tests.bench.jobs_only_site import JobsOnlySite

Fixture = Any

MAILS = int(os.environ.get("CHANGEMAKER_KILL_MAILS", "250"))
KILLS = int(os.environ.get("CHANGEMAKER_KILLS", "5"))
SEED = int(os.environ.get("CHANGEMAKER_KILL_SEED", "20260501"))
SCRIPT = Path(__file__).with_name("runner_process.py")


@pytest.fixture
def site(make_site: Fixture) -> JobsOnlySite:
    """Knows the job and never runs it."""
    from changemaker_core.db import utcnow

    return make_site(Job("test.mail", lambda run, **_: None, queue="mail"), clock=utcnow)


@pytest.fixture
def smtp_log(tmp_path: Path) -> Path:
    return tmp_path / "accepted.jsonl"


@pytest.fixture
def smtp_port(smtp_log: Path) -> Iterator[int]:
    """Slow enough that the queue outlasts the kills; half of the time before a message is taken
    over, half of it after, when only the reply is missing."""
    with smtp_process(smtp_log, delay=0.03, reply_delay=0.03) as port:
        yield port


@pytest.fixture
def start(database_url: str, smtp_port: int) -> Callable[[], subprocess.Popen[str]]:
    command = [sys.executable, str(SCRIPT), database_url, f"smtp://127.0.0.1:{smtp_port}"]
    return partial(processes.start, command)


def enqueue(tx: Fixture, payloads: list[dict[str, object]]) -> None:
    for payload in payloads:
        tx.enqueue("test.mail", payload)


def left(site: JobsOnlySite) -> int:
    return site.db.sync.read(lambda: CoreJob.select().where(CoreJob.due_at.is_null(False)).count())


def accepted(log: Path) -> list[str]:
    return [mail["message_id"] for mail in read_log(log)]


def test_kills(
    site: JobsOnlySite,
    start: Callable[[], subprocess.Popen[str]],
    smtp_log: Path,
    rows: Fixture,
    notes: Fixture,
) -> None:
    site.db.sync.write(enqueue, [{"number": number} for number in range(MAILS)])
    left_at_kills = kill_while_draining(start, lambda: left(site), KILLS, longest=0.5, seed=SEED)
    assert left_at_kills[-1] > 0, "the queue was empty before the last kill: this shows nothing"
    assert drain_to_the_end(start, lambda: left(site), seconds=60 + MAILS / 10) == 0

    states = {f"<{number}@example.org>": row.state for number, row in enumerate(rows(site))}
    verdict = judge(states, accepted(smtp_log), sent="done", unknown="unknown")
    assert verdict.is_good, verdict
    assert verdict.once + verdict.unknown == MAILS
    # At most the messages that were in the four workers' hands can have become unknown.
    assert verdict.unknown <= KILLS * 4
    unknown = {f"unknown {i}" for i, row in enumerate(rows(site)) if row.state == "unknown"}
    assert sorted(notes(site)) == sorted(unknown)


@pytest.mark.parametrize(
    ("die", "state", "sent"), [("before", "done", 1), ("between", "unknown", 0)]
)
def test_a_kill_at_the_point_of_no_return(
    site: JobsOnlySite,
    start: Callable[[], subprocess.Popen[str]],
    smtp_log: Path,
    rows: Fixture,
    notes: Fixture,
    die: str,
    state: str,
    sent: int,
) -> None:
    site.db.sync.write(enqueue, [{"number": 1, "die": die}])
    first = start()
    try:
        assert first.wait(30) < 0
    finally:
        first.kill()
        first.wait()
    assert left(site) == 1
    assert drain_to_the_end(start, lambda: left(site), seconds=30) == 0
    assert [row.state for row in rows(site)] == [state]
    assert accepted(smtp_log) == ["<1@example.org>"] * sent
    assert notes(site) == (["unknown 1"] if state == "unknown" else [])


def test_mail_waits_while_the_server_is_down(
    site: JobsOnlySite, database_url: str, rows: Fixture
) -> None:
    command = [sys.executable, str(SCRIPT), database_url, "smtp://127.0.0.1:1"]
    site.db.sync.write(enqueue, [{"number": 1}])
    with processes.running(command) as process:
        wait_until(lambda: rows(site)[0].error is not None)
        assert processes.stop(process) == 0
    assert rows(site)[0].state in ("queued", "running")
