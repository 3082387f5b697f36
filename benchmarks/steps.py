"""``python -m benchmarks.steps``: what the steps of docs/explanation/scaling.md cost, in 3 minutes.

CPU time, of the site's own processes, tells more than a rate where load and site share the cores,
so both are printed. On a machine that does other things the ratios are what is worth reading.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
import sys
import tempfile
import time
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
import psycopg2

from changemaker_core import Config, Site, Tx
from changemaker_core.testing.postgres import PostgresCluster
from changemaker_core.testing.server import OperatedSite
from changemaker_influence.campaigns import services as campaigns
from changemaker_influence.campaigns.schemas import CampaignChange, NewCampaign
from changemaker_influence.emails import services
from changemaker_influence.emails.models import CampaignEmail
from changemaker_influence.emails.recipients import Recipient
from tests.bench.kill import smtp_process
from tests.bench.load import Load
from tests.bench.processes import wait_until
from tests.bench.valkey import ValkeyServer

if TYPE_CHECKING:
    from collections.abc import Iterator

TICK = os.sysconf("SC_CLK_TCK")
NEW = {
    "title": "Clean water",
    "email_subject": "Clean water",
    "email_body": "Dear {recipient_name},\n\n" + "Please act on clean water. " * 40,
    "target_government_levels": ["FEDERAL"],
}
AVERY = Recipient(
    keys=("avery",), names=("Avery",), name="Avery", email="avery.tremblay@parl.example.ca"
)
#: Requests a second, and seconds.
RATE, SECONDS = 400, 5.0
#: Seconds until every process is up: the first of them is ready before the others.
STARTING = 5.0


def main() -> None:
    """Measure every step, one after another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--letters", type=int, default=1500)
    letters = parser.parse_args().letters
    cluster = PostgresCluster({"synchronous_commit": "on", "fsync": "on"})
    cluster.start()
    try:
        for database in ("sqlite", "postgresql"):
            for workers in (1, 2):
                _requests(database, workers, cluster)
        for database in ("sqlite", "postgresql"):
            _letters(database, letters, cluster, rq_workers=0)
        for rq_workers in (1, 2):
            _letters("postgresql", letters, cluster, rq_workers=rq_workers)
        for rq_workers in (0, 1, 2):
            _letters("postgresql", letters // 3, cluster, rq_workers=rq_workers, delay=0.1)
    finally:
        cluster.stop()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@contextmanager
def _site(database: str, cluster: PostgresCluster, **environment: str) -> Iterator[OperatedSite]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/site/site.db"
        if database == "postgresql":
            url = cluster.create_database()
        environment |= {
            "CHANGEMAKER_DATABASE_URL": url,
            "CHANGEMAKER_INFLUENCE__DIRECTORY": "file",
        }
        site = OperatedSite(Path(folder) / "site", environment)
        site.make()
        yield site
        if database == "postgresql":
            cluster.drop(url)


@contextmanager
def _opened(site: OperatedSite) -> Iterator[Site]:
    opened = Site(Config.load(site.folder, site.environment))
    try:
        yield opened
    finally:
        opened.close()


def _requests(database: str, workers: int, cluster: PostgresCluster) -> None:
    with _site(database, cluster) as site:
        with _opened(site) as opened:
            opened.db.sync.write(_campaign)
        with site.start("serve", "--port", "0", "--workers", str(workers)) as (process, address):
            url = urlsplit(address)
            time.sleep(STARTING)
            for what, path in (
                ("cached page", "/campaigns"),
                ("API, not cached", "/api/health"),
            ):
                request = f"GET {path} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode()
                load = Load(url.hostname or "", url.port or 0, request, RATE, keep=True)
                before, began = _cpu(process.pid), time.monotonic()
                fates = asyncio.run(load.run(SECONDS))
                used, took = _cpu(process.pid) - before, time.monotonic() - began
                done = sum(fates.answered.values())
                _say(
                    f"{database}, {workers} web: {what}: {1e6 * used / done:.0f} CPU µs/request, "
                    f"{done / took:.0f}/s of {RATE} sent, {len(fates.failed)} failed"
                )


def _campaign(tx: Tx) -> str:
    campaign = campaigns.create(tx, msgspec.convert(NEW, NewCampaign))
    campaigns.change(tx, campaign.id, CampaignChange(status="ACTIVE"))
    return str(campaign.id)


def _take(tx: Tx, campaign_id: str, number: int) -> None:
    submission = services.Submission(
        campaign_id=campaign_id,
        sender_name=f"Sender {number}",
        sender_email=f"sender{number}@example.org",
        postal_code="L5G 4L3",
        recipients=[AVERY],
        subject=NEW["email_subject"],
        body=NEW["email_body"],
        consent_text="I agree.",
        consent_version="1",
        consent_language="en",
        campaign_title=NEW["title"],
        language="en",
    )
    services.record(tx, submission, lambda _: None, None)


def _letters(
    database: str, letters: int, cluster: PostgresCluster, rq_workers: int, delay: float = 0.0
) -> None:
    """Record messages, then send them to a mail server that takes ``delay`` seconds for each."""
    if delay:
        _say(f"a mail server that takes {delay:g} s for a message:")
    with tempfile.TemporaryDirectory() as folder, ValkeyServer() as valkey:
        with smtp_process(Path(folder) / "log", delay=delay) as port:
            more = {"CHANGEMAKER_SMTP_URL": f"smtp://127.0.0.1:{port}"}
            if rq_workers:
                more["CHANGEMAKER_REDIS_URL"] = valkey.url
            with _site(database, cluster, **more) as site, _opened(site) as opened:
                _record(opened, database, letters)
                _drain(site, opened, database, letters, rq_workers)


def _record(opened: Site, database: str, letters: int) -> None:
    campaign_id = opened.db.sync.write(_campaign)
    before, began, used = _bytes(opened, database), time.monotonic(), time.process_time()
    for number in range(letters):
        opened.db.sync.write(_take, campaign_id, number)
    took, used = time.monotonic() - began, time.process_time() - used
    each = (_bytes(opened, database) - before) / letters
    _say(
        f"{database}: recorded {letters / took:.0f} messages/s, each its commit; "
        f"{1e3 * used / letters:.2f} CPU ms and {each:.0f} B each"
    )


def _bytes(opened: Site, database: str) -> int:
    url = opened.config.database_url
    if database == "sqlite":
        path = url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path)) as file:
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return Path(path).stat().st_size
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        size: int = cursor.fetchone()[0]
    return size


def _drain(site: OperatedSite, opened: Site, database: str, letters: int, rq_workers: int) -> None:
    def left() -> int:
        open_ = CampaignEmail.status.in_(("QUEUED", "SENDING"))
        count: int = opened.db.sync.read(lambda: CampaignEmail.select().where(open_).count())
        return count

    arguments = [("serve", "--port", "0")] + [("worker",)] * rq_workers
    with ExitStack() as running:
        pids = [running.enter_context(site.running(*each)).pid for each in arguments]
        wait_until(lambda: left() < letters, 60)
        began, at_first, used = time.monotonic(), left(), sum(map(_cpu, pids))
        while left():
            time.sleep(0.2)
        rate = at_first / (time.monotonic() - began)
        used = sum(map(_cpu, pids)) - used
    who = f"{rq_workers} RQ workers" if rq_workers else "the runner of serve"
    _say(f"{database}: {who} sent {rate:.0f} messages/s, {1e3 * used / at_first:.2f} CPU ms each")


def _cpu(pid: int) -> float:
    """CPU seconds of a process, its children that live, and those that have ended."""
    pids = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        pids += [int(child) for child in (task / "children").read_text().split()]
    return sum(_ticks(each) for each in pids) / TICK


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15]))


if __name__ == "__main__":
    main()
