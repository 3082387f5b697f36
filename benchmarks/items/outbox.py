"""Mail: how fast it is recorded and sent, and how much visitors are slowed down."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks import contenders as who
from benchmarks import data, machine, places
from benchmarks.contenders import Data, Running
from benchmarks.items.item import Bench, Item
from benchmarks.load import paced, percentile
from benchmarks.recording import campaign_ids, orders, take
from benchmarks.results import Measurement, Result, Target
from changemaker_core import Config, Site, Tx
from changemaker_core.jobs import hold_queue
from changemaker_influence.emails.jobs import QUEUE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TITLE = "10,000 messages to a local mail server, while pages are read"
LETTERS, LETTERS_QUICK = 10_000, 300
#: Page GETs in a second, and seconds for which they are watched while nothing is sent.
PACE, IDLE_SECONDS = 50.0, 15.0
#: Seconds in which web process and runner warm up, before anything is measured.
WARM_SECONDS = 2.0
#: Visitors whose messages are recorded at the same moment.
_AT_ONCE = 64
_PER_TRANSACTION = 100
#: Messages a second below which the item fails.
_SLOWEST = 20


def outbox(bench: Bench) -> Result:
    """One round: it is long, and the two halves of it are compared with each other."""
    result = bench.result("outbox", TITLE, main="per second")
    letters = LETTERS_QUICK if bench.effort.quick else LETTERS
    site_data = Data(bench.postgresql)
    folder = site_data.site("sqlite").folder
    page = f"/campaigns/{next(data.slugs(site_data.rows('sqlite')))}"
    quiet = machine.wait_until_quiet(bench.effort.patience)
    with _sink() as sink, _pinned_to_clients():
        contender = replace(
            who.OURS, environment={"CHANGEMAKER_SMTP_URL": f"smtp://127.0.0.1:{sink.smtp}"}
        )
        with site_data.run(contender) as running:
            idle = _idle(running, page, 2.0 if bench.effort.quick else IDLE_SECONDS)
        enqueued, recorded = _record(folder, letters)
        with site_data.run(contender) as running:
            _warm_up(running, page)
            _release(folder)
            busy, sent = _while_sending(running, page, sink, letters)
    result.measurements = _measurements(enqueued, recorded, sent, idle, busy, quiet)
    p95 = percentile(busy, 0.95) / percentile(idle, 0.95)
    result.targets = [
        Target(text="sent", value=sent, bound=300, unit="messages/s"),
        Target(text="jobs enqueued", value=enqueued, bound=5000, unit="jobs/s"),
        Target(text="p95 of pages meanwhile, of idle", value=p95, bound=2, at_least=False),
    ]
    result.notes.append(
        "Web process and job runner share one core; the mail server and the reader of pages are on "
        "the other. A page's latency counts from the moment when its request was due."
    )
    return result


def _measurements(
    enqueued: float,
    recorded: float,
    sent: float,
    idle: list[float],
    busy: list[float],
    quiet: bool,
) -> list[Measurement]:
    rates = {
        "jobs enqueued, 100 to a transaction": enqueued,
        "messages recorded, one to a transaction, 64 at once": recorded,
        "messages sent": sent,
    }
    found = [Measurement(name=name, series={"per second": [rate]}) for name, rate in rates.items()]
    for name, times in {"pages, nothing is sent": idle, "pages, meanwhile": busy}.items():
        series = {f"p{share} ms": [percentile(times, share / 100)] for share in (50, 95, 99)}
        found.append(Measurement(name=name, series={"per second": [PACE], **series}))
    for each in found:
        each.noisy_rounds = int(not quiet)
    return found


def _warm_up(running: Running, page: str) -> None:
    paced(running.server.address, page, PACE, lambda count: count >= PACE * WARM_SECONDS)


def _idle(running: Running, page: str, seconds: float) -> list[float]:
    _warm_up(running, page)
    return paced(running.server.address, page, PACE, lambda count: count >= PACE * seconds)


def _while_sending(
    running: Running, page: str, sink: Sink, letters: int
) -> tuple[list[float], float]:
    """Latencies until all is sent, and messages sent in a second."""
    give_up = time.monotonic() + letters / _SLOWEST + 30

    def finished(count: int) -> bool:
        if time.monotonic() > give_up:
            raise TimeoutError(f"{sink.read()['taken']} of {letters} messages were sent")
        return count % 25 == 24 and sink.read()["taken"] >= letters

    times = paced(running.server.address, page, PACE, finished)
    seen = sink.read()
    return times, (seen["taken"] - 1) / (seen["last"] - seen["first"])


def _record(folder: Path, letters: int) -> tuple[float, float]:
    """Jobs enqueued a second, and messages recorded a second, by one process on the server's core.

    The jobs of the first part have nothing to do, and are taken away again. The letters are held
    back until ``_release``.
    """
    site = Site(Config.load(folder, environ={}))
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {machine.cores()[0]})
    try:
        began = time.perf_counter()
        for _ in range(0, letters, _PER_TRANSACTION):
            site.db.sync.write(_enqueue)
        enqueued = letters / (time.perf_counter() - began)
        site.db.sync.write(_empty)
        site.db.sync.write(hold_queue, QUEUE, "operator")
        return enqueued, letters / asyncio.run(_record_all(site, letters))
    finally:
        os.sched_setaffinity(0, before)
        site.close()


def _release(folder: Path) -> None:
    site = Site(Config.load(folder, environ={}))
    site.db.sync.write(site.jobs.guard.release, QUEUE)
    site.close()


def _enqueue(tx: Tx) -> None:
    for _ in range(_PER_TRANSACTION):
        tx.enqueue("influence.send_email", {"email_id": "00000000-0000-7000-8000-000000000000"})


def _empty(tx: Tx) -> None:
    tx.database.execute_sql("DELETE FROM core_job")


async def _record_all(site: Site, letters: int) -> float:
    wanted = orders(campaign_ids(site), f"{time.time_ns():x}")
    numbers = iter(range(letters))

    async def visitor() -> None:
        for _ in numbers:
            await site.db.write(take, next(wanted))

    began = time.perf_counter()
    await asyncio.gather(*(visitor() for _ in range(_AT_ONCE)))
    return time.perf_counter() - began


class Sink:
    """The mail server of ``benchmarks.smtp_sink``, as seen from here."""

    def __init__(self, smtp: int, counts: int) -> None:
        self.smtp = smtp
        self._counts = counts

    def read(self) -> dict[str, float]:
        """``taken``, and the times of the ``first`` and ``last`` message."""
        with socket.create_connection(("127.0.0.1", self._counts), timeout=30) as connection:
            seen: dict[str, float] = json.loads(connection.makefile().readline())
        return seen


@contextlib.contextmanager
def _sink() -> Iterator[Sink]:
    command = machine.pinned(str(machine.cores()[1]), sys.executable, "-m", "benchmarks.smtp_sink")
    process = subprocess.Popen(  # noqa: S603  # our own module
        command, cwd=places.ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None  # noqa: S101  # a pipe was requested
        yield Sink(**json.loads(process.stdout.readline()))
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def _pinned_to_clients() -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {machine.cores()[1]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


ITEMS = (Item("outbox", TITLE, outbox),)
