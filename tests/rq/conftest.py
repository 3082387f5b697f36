"""Sites whose jobs are done by workers: a real Valkey, a real PostgreSQL, a real SMTP server."""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from changemaker_core.db import migrations
from changemaker_core.jobs.declarations import Interval, Job
from changemaker_core.shared.tickets import count_workers
from changemaker_core.testing.server import OperatedSite
from tests.bench.campaigner import Campaigner
from tests.bench.jobs_only_site import JobsOnlySite
from tests.bench.processes import wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from changemaker_core.jobs import JobRun
    from changemaker_core.testing.smtp import SmtpServer
    from tests.bench.made_sites import MadeSites
    from tests.bench.valkey import ValkeyServer

#: What the jobs of ``worker_process.py`` write.
NOTES = "CREATE TABLE test_note (id serial PRIMARY KEY, text text NOT NULL)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All that is tested here needs both servers."""
    for item in items:
        if item.path.parent.name == "rq":
            item.add_marker("valkey")
            item.add_marker("postgresql")


class Writing(Campaigner):
    """A supporter at the API, whose messages can be found at the SMTP server."""

    def __init__(self, address: str, site: OperatedSite) -> None:
        super().__init__(address, site)
        #: Messages written so far.
        self.count = 0
        self._campaign = self.campaign()["id"]
        del self.client.headers["Authorization"]

    def write(self) -> str:
        """Send one message, and return its sender, whom no other message has."""
        self.count += 1
        sender = f"sender-{self.count}@example.org"
        sent = self.send(self._campaign, sender)
        assert sent.status_code == 202, sent.text
        return sender

    def seconds(self) -> float:
        """How long one request took."""
        began = time.perf_counter()
        self.write()
        return time.perf_counter() - began

    def median(self, count: int) -> float:
        """Of ``count`` requests, in seconds."""
        return statistics.median(self.seconds() for _ in range(count))


@pytest.fixture
def operated(
    tmp_path: Path,
    postgresql_url: str,
    valkey: ValkeyServer,
    smtp_server: SmtpServer,
    made_sites: MadeSites,
) -> OperatedSite:
    """A site whose jobs are left to workers."""
    site = OperatedSite(
        tmp_path / "site",
        {
            "CHANGEMAKER_DATABASE_URL": postgresql_url,
            "CHANGEMAKER_REDIS_URL": valkey.url,
            "CHANGEMAKER_SMTP_URL": smtp_server.url,
            "CHANGEMAKER_API_RATE_LIMIT": "100000",
            "CHANGEMAKER_INFLUENCE__DIRECTORY": "file",
            "CHANGEMAKER_INFLUENCE__SEND_LIMIT_PER_HOUR": "10000",
        },
    )
    made_sites.make(site)
    return site


@pytest.fixture
def serving(operated: OperatedSite) -> Iterator[Callable[..., Writing]]:
    """``serving("--workers", "2")``: a supporter who writes to the site, which is served."""
    with contextlib.ExitStack() as stack:

        def serve(*options: str) -> Writing:
            address = stack.enter_context(operated.serve(*options))
            writing = Writing(address, operated)
            stack.callback(writing.client.close)
            return writing

        yield serve


@pytest.fixture
def working(
    operated: OperatedSite, valkey: ValkeyServer
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """``working("--queues", "mail")``: a ``changemaker worker`` that has begun."""
    with contextlib.ExitStack() as stack:

        def work(*options: str) -> subprocess.Popen[str]:
            before = count_workers(valkey.client)
            process = stack.enter_context(operated.running("worker", *options))
            wait_until(lambda: count_workers(valkey.client) > before)
            return process

        yield work


@pytest.fixture
def senders(smtp_server: SmtpServer) -> Callable[[], list[str]]:
    """Whose messages have arrived, in order."""

    def read() -> list[str]:
        addresses = (received.email["Reply-To"].addresses for received in smtp_server.received)
        return [address.addr_spec for (address,) in addresses]

    return read


def _run_by_a_worker(run: JobRun, **payload: object) -> None:
    """Stand for a function of ``worker_process.py``, which takes the payload."""
    raise AssertionError("it ran in the process of the test")


@pytest.fixture
def ledger(postgresql_url: str) -> Iterator[JobsOnlySite]:
    """A site of jobs alone, which knows those of ``worker_process.py`` and never runs them."""
    every = Interval(timedelta(seconds=0.5))
    jobs = [
        Job("test.mail", _run_by_a_worker, queue="mail"),
        Job("test.note", _run_by_a_worker, queue="notes"),
        Job("test.lane", _run_by_a_worker, queue="notes"),
        Job("test.tick", _run_by_a_worker, queue="notes", schedule=every),
    ]
    site = JobsOnlySite(postgresql_url, jobs)
    migrations.apply(site.db, [migrations.CORE])
    site.db.sync.write(lambda tx: tx.database.execute_sql(NOTES))
    yield site
    site.db.close()


@pytest.fixture
def worker_command(postgresql_url: str) -> Callable[..., list[str]]:
    """``worker_command(redis_url, smtp_url)``: the command line of ``worker_process.py``."""

    def command(redis_url: str, smtp_url: str = "smtp://127.0.0.1:1") -> list[str]:
        script = str(Path(__file__).with_name("worker_process.py"))
        return [sys.executable, script, postgresql_url, smtp_url, redis_url, "0.5"]

    return command


@pytest.fixture(autouse=True)
def shared_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``worker_process.py`` find the jobs of the runner's tests, and work horses find it."""
    here = Path(__file__).parent
    monkeypatch.setenv("PYTHONPATH", str(here), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONPATH", str(here.parent / "jobs"), prepend=os.pathsep)
