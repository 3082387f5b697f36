"""SIGTERM and SIGHUP under load: no request fails, no job is lost, and the end comes in time."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from urllib.parse import urlsplit

import httpx
import pytest

from changemaker_core.jobs import CoreJob
from changemaker_core.testing.server import OperatedSite
from changemaker_core.testing.smtp import Behaviour
from tests.bench.load import Load
from tests.bench.processes import wait_until

RATE = 200
#: Seconds of load before and after the signal.
BEFORE, AFTER = 1.5, 2.5


@pytest.fixture(scope="module")
def made(tmp_path_factory, made_sites):
    """A site that is only looked at."""
    site = OperatedSite(tmp_path_factory.mktemp("load") / "site")
    made_sites.make(site)
    return site


def get(path, host, keep):
    connection = "" if keep else "Connection: close\r\n"
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{connection}\r\n".encode()


async def under_load(address, request, keep, strike):
    """Ask all the time, ``strike()`` in the middle; what became of the requests."""
    url = urlsplit(address)
    load = Load(url.hostname, url.port, request, RATE, keep)
    asking = asyncio.create_task(load.run(BEFORE + AFTER))
    await asyncio.sleep(BEFORE)
    struck = await asyncio.to_thread(strike)
    fates = await asking
    assert fates.asked == int(RATE * (BEFORE + AFTER))
    return struck, fates


def ended(process):
    """End it with SIGTERM: its exit status, and seconds."""

    def strike():
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        return process.wait(30), time.monotonic() - began

    return strike


@pytest.mark.parametrize("keep", [True, False], ids=["kept connections", "fresh connections"])
@pytest.mark.parametrize("path", ["/campaigns", "/api/health"], ids=["cached", "not cached"])
async def test_no_request_fails_at_the_end(made, keep, path):
    with made.start("serve", "--port", "0", "--workers", "2") as (process, address):
        request = get(path, urlsplit(address).netloc, keep)
        (status, seconds), fates = await under_load(address, request, keep, ended(process))
    assert fates.failed == []
    assert status == 0
    assert seconds < 10
    assert fates.refused > 0  # it did end during the load
    assert set(fates.answered) == {200}
    assert fates.answered[200] >= RATE * BEFORE * 0.8
    # Whoever kept a connection was told that an answer was its last.
    assert fates.retried <= 2


@pytest.mark.parametrize("keep", [True, False], ids=["kept connections", "fresh connections"])
async def test_no_request_fails_while_processes_are_replaced(made, keep):
    with made.start("serve", "--port", "0", "--workers", "2") as (process, address):
        request = get("/campaigns", urlsplit(address).netloc, keep)
        before = await asyncio.to_thread(request_prefixes, address)

        def roll():
            process.send_signal(signal.SIGHUP)
            wait_until(lambda: not before & request_prefixes(address))

        _, fates = await under_load(address, request, keep, roll)
    assert fates.failed == []
    assert fates.refused == 0
    assert fates.answered == {200: int(RATE * (BEFORE + AFTER))}
    assert fates.retried <= 2


def request_prefixes(address):
    """What the ids of each living web process begin with: random once for each process."""
    answers = [httpx.get(f"{address}/api/health/live") for _ in range(12)]
    return {answer.headers["x-request-id"].partition("-")[0] for answer in answers}


@contextlib.contextmanager
def a_letter_under_way(operated, organiser_at, smtp_server, behaviour):
    """A served site whose runner is in the middle of a letter; gives its process."""
    operated.environment["CHANGEMAKER_SMTP_URL"] = smtp_server.url
    smtp_server.then(behaviour)
    with operated.start("serve", "--port", "0") as (process, address):
        organiser = organiser_at(address, operated)
        campaign = organiser.campaign()
        sent = organiser.send(campaign["id"], "sacha@example.org")
        assert sent.status_code == 202, sent.text
        wait_until(lambda: smtp_server.connections > 0)
        time.sleep(0.3)
        yield process


def mail_job(database):
    """The row of the letter's job."""
    (row,) = database.sync.read(lambda: list(CoreJob.select().where(CoreJob.queue == "mail")))
    return row


def test_a_running_job_ends_first(operated, organiser_at, smtp_server, database):
    slow = Behaviour("message", delay=3)
    with a_letter_under_way(operated, organiser_at, smtp_server, slow) as process:
        status, seconds = ended(process)()
    assert (status, seconds < 10) == (0, True)
    assert len(smtp_server.received) == 1
    assert mail_job(database).state == "done"


def test_a_job_that_does_not_end_gives_its_lease_back(
    operated, organiser_at, smtp_server, database
):
    with a_letter_under_way(
        operated, organiser_at, smtp_server, Behaviour("rcpt", delay=25)
    ) as process:
        status, seconds = ended(process)()
        assert (status, seconds < 10) == (0, True)
        row = mail_job(database)
        assert (row.state, row.lease, row.attempts) == ("queued", None, 0)
    assert smtp_server.received == []
    # Nobody waits for the lease's end: the next runner takes it at once, and it is sent once.
    with operated.serve():
        wait_until(lambda: mail_job(database).state == "done")
    assert len(smtp_server.received) == 1
