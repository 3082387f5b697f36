"""Three machines: web, worker and database; the worker's cables are pulled while mail leaves.

The long form: ``CHANGEMAKER_CUT_SECONDS=30 CHANGEMAKER_LEASE_SECONDS=10`` (or 60, as in use).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg2
import pytest

from changemaker_core.testing.postgres import PostgresCluster
from changemaker_core.testing.server import OperatedSite
from tests.bench import processes
from tests.bench.kill import judge, smtp_process
from tests.bench.netns import machines
from tests.bench.processes import wait_until
from tests.bench.smtp_process import read_log

pytestmark = [pytest.mark.netns, pytest.mark.postgresql]

CUT = float(os.environ.get("CHANGEMAKER_CUT_SECONDS", "8"))
LEASE = float(os.environ.get("CHANGEMAKER_LEASE_SECONDS", "3"))
LETTERS = int(os.environ.get("CHANGEMAKER_CUT_LETTERS", "150"))
#: Threads of a runner: as many letters are in its hands at once.
HANDS = 4
#: Seconds before and after the SMTP server has taken over a letter: with ``HANDS`` at work, 13/s.
SLOW = 0.15
RUNNER = Path(__file__).parent / "programs" / "runner.py"
OPEN = ("QUEUED", "SENDING")


@dataclass
class Place:
    """The three machines, with everything running but the worker."""

    net: object
    database_url: str
    web: OperatedSite
    worker: OperatedSite
    log: Path

    def ledger(self):
        """Each letter's state by its message id, as the database has it."""
        sql = "SELECT coalesce(message_id, id::text), status FROM influence_campaign_email"
        return dict(self.ask(sql))

    def taken_over(self):
        """How many jobs ended in other hands than those that claimed them first, or in nobody's."""
        sql = "SELECT count(*) FROM core_job WHERE attempts > 1 OR state = 'unknown'"
        return self.ask(sql)[0][0]

    def ask(self, sql):
        with (
            self.net.inside("database"),
            contextlib.closing(psycopg2.connect(self.database_url)) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(sql)
            return cursor.fetchall()

    def left(self):
        """How many letters are unfinished."""
        return sum(state in OPEN for state in self.ledger().values())

    def accepted(self):
        """The message ids that the SMTP server took over, as often as it did."""
        return [mail["message_id"] for mail in read_log(self.log)]

    @contextlib.contextmanager
    def working(self):
        """The worker's runner, on the worker's machine."""
        command = [sys.executable, RUNNER, self.worker.folder, LEASE]
        environment = {**_plain_environment(), **self.worker.environment}
        with contextlib.ExitStack() as stack:
            with self.net.inside("worker"):
                process = stack.enter_context(processes.running(command, env=environment))
            yield process
            assert processes.stop(process) == 0


def _plain_environment():
    """Without this test's own variables, which no site knows."""
    return {name: value for name, value in os.environ.items() if "CHANGEMAKER_" not in name}


@pytest.fixture
def net():
    with machines("web", "worker", "database") as net:
        yield net


@pytest.fixture
def place(net, tmp_path):
    cluster = PostgresCluster(neighbours=True)
    with contextlib.ExitStack() as stack:
        with net.inside("database"):
            stack.callback(cluster.stop)
            cluster.start()
            url = cluster.create_database()
        log = tmp_path / "accepted.jsonl"
        with net.inside("web"):
            smtp = smtp_process(log, delay=SLOW, reply_delay=SLOW, host="0.0.0.0")  # noqa: S104
            port = stack.enter_context(smtp)
        sites = [
            OperatedSite(
                tmp_path / name,
                {
                    "CHANGEMAKER_DATABASE_URL": url.replace(
                        "127.0.0.1", net.address("database", name)
                    ),
                    "CHANGEMAKER_SMTP_URL": f"smtp://{host}:{port}?starttls=never",
                    "CHANGEMAKER_INFLUENCE__DIRECTORY": "file",
                    "CHANGEMAKER_INFLUENCE__SEND_LIMIT_PER_HOUR": "10000",
                },
            )
            for name, host in (("web", "127.0.0.1"), ("worker", net.address("web", "worker")))
        ]
        with net.inside("web"):
            sites[0].make()
        shutil.copytree(sites[0].folder, sites[1].folder)
        yield Place(net, url, *sites, log)


def write_letters(place, organiser_at, address):
    """Letters of as many supporters, through the web machine's API."""
    with place.net.inside("web"):
        organiser = organiser_at(address, place.web)
        campaign = organiser.campaign()
        supporter = organiser_at(address, None)
        for number in range(LETTERS):
            sent = supporter.send(campaign["id"], f"sender{number}@example.org")
            assert sent.status_code == 202, sent.text


def judged(place, hands):
    """Nothing lost, nothing twice; what is unknown was in somebody's hands at the cut."""
    ledger = place.ledger()
    verdict = judge(ledger, place.accepted(), sent="SENT", unknown="UNKNOWN")
    assert verdict.is_good, verdict
    assert verdict.once + verdict.unknown == LETTERS
    assert verdict.unknown <= hands
    assert Counter(ledger.values()).keys() <= {"SENT", "UNKNOWN"}


def test_work_goes_on_elsewhere_while_the_worker_is_away(place, organiser_at):
    with place.net.inside("web"):
        serving = place.web.start("serve", "--port", "0")
        web = contextlib.ExitStack()
        _, address = web.enter_context(serving)
    with web, place.working():
        write_letters(place, organiser_at, address)
        assert place.left() > LETTERS / 4, "too little was left: this shows nothing"
        place.net.cut("worker")
        at = time.monotonic()
        try:
            # Every letter ends while the worker is still away: also those that it had claimed.
            wait_until(lambda: place.left() == 0, 60 + LETTERS / 10 + 2 * LEASE)
            time.sleep(max(0.0, at + CUT - time.monotonic()))
        finally:
            place.net.fix("worker")
        finished = place.ledger()
        assert place.taken_over() > 0, "the worker held nothing: this shows nothing"
        # What the worker still thought that it held, it finds lost.
        time.sleep(LEASE)
        assert place.ledger() == finished
    judged(place, HANDS)


def test_work_goes_on_afterwards_where_nobody_else_does_it(place, organiser_at):
    with place.net.inside("web"):
        serving = place.web.start("serve", "--port", "0", "--no-runner")
        web = contextlib.ExitStack()
        _, address = web.enter_context(serving)
    with web, place.working():
        write_letters(place, organiser_at, address)
        wait_until(lambda: len(place.accepted()) >= HANDS)
        place.net.cut("worker")
        time.sleep(1)
        left = place.left()
        assert left > LETTERS / 4, "too little was left: this shows nothing"
        with place.net.inside("web"):  # visitors notice nothing
            assert httpx.get(f"{address}/api/health").status_code == 200
        time.sleep(CUT - 1)
        assert place.left() == left
        place.net.fix("worker")
        wait_until(lambda: place.left() == 0, 60 + LETTERS / 10 + 2 * LEASE)
    judged(place, HANDS)


def test_the_machines_reach_each_other_and_nothing_else(net):
    for machine in ("web", "worker", "database"):
        with net.inside(machine):
            routes = subprocess.run(["ip", "route"], capture_output=True, text=True).stdout
        assert len(routes.splitlines()) == 2  # a /30 to each of the others
        assert "default" not in routes
