"""A disk that is full, with real processes: visitors read on, writes are refused with a reason, the
site says so, and once there is room it goes on with everything that it has acknowledged."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import time
from pathlib import Path

import httpx
import psycopg2
import pytest

from changemaker_core.testing import PostgresCluster
from tests.bench import small_disk

#: Writes after which the disk must have shown that it is full.
MOST = 400


@contextlib.contextmanager
def full_for_sqlite(url, process):
    """The kernel refuses what makes a file larger than the largest of the database's is."""
    path = Path(url.removeprefix("sqlite:///"))
    files = [path, path.with_name(path.name + "-wal")]
    pids = small_disk.children(process.pid)
    small_disk.limit_files(pids, max(file.stat().st_size for file in files))
    yield
    small_disk.limit_files(pids)


@contextlib.contextmanager
def full_for_postgresql(disk):
    filler = small_disk.fill(disk)
    yield
    filler.unlink()


@contextlib.contextmanager
def on_a_small_disk(url):
    """The tables of a database on a disk of their own: its log has room, or the server ends."""
    server, _, name = url.rpartition("/")
    account = PostgresCluster.of(url).account
    with (
        small_disk.mounted(account) as disk,
        contextlib.closing(psycopg2.connect(f"{server}/postgres")) as connection,
    ):
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
        cursor.execute(f'ALTER DATABASE "{name}" SET TABLESPACE small')
        try:
            yield disk
        finally:
            cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
            cursor.execute("DROP TABLESPACE small")


def text():
    """A text that no database makes smaller."""
    return secrets.token_hex(9_000)


def write_until_it_fails(organiser, campaign_id):
    """The last text that was stored, and the response to the one that was not."""
    stored = None
    for _ in range(MOST):
        body = text()
        response = organiser.change(campaign_id, email_body=body)
        if response.status_code != 200:
            return stored, response
        stored = body
    raise AssertionError("the disk was never full")


def wait_for_readiness(address, status):
    """A result is used for a second, and a disk is taken for full for some more."""
    until = time.monotonic() + 60
    while httpx.get(f"{address}/api/health/ready").status_code != status:
        assert time.monotonic() < until, f"its readiness does not become {status}"
        time.sleep(0.2)


def check_site(site, organiser_at, full):
    """``full(process)`` is a block in which the disk is full."""
    with site.start("serve", "--port", "0", "--no-runner") as (process, address):
        organiser = organiser_at(address, site)
        campaign = organiser.campaign()
        page, form = f"{address}/campaigns/{campaign['slug']}", {"sender_name": "Sacha"}
        assert httpx.get(f"{address}/api/health/ready").status_code == 200
        with full(process):
            stored, refused = write_until_it_fails(organiser, campaign["id"])
            assert refused.status_code == 503, refused.text
            assert int(refused.headers["Retry-After"]) > 0
            assert refused.json()["code"] == "database_unavailable"
            wait_for_readiness(address, 503)
            assert httpx.get(f"{address}/api/health/live").status_code == 200
            assert httpx.get(page).status_code == 200
            assert httpx.post(page, data=form).status_code == 422  # reads only
        wait_for_readiness(address, 200)
        seen = organiser.client.get(f"/api/campaigns/{campaign['id']}").json()["email_body"]
        assert stored in (None, seen)
        after = text()
        assert organiser.change(campaign["id"], email_body=after).status_code == 200
    return after


@pytest.mark.proc
def test_sqlite(operate, organiser_at, sqlite_url):
    site = operate(sqlite_url)
    after = check_site(site, organiser_at, lambda process: full_for_sqlite(sqlite_url, process))
    with contextlib.closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert (after,) in connection.execute("SELECT email_body FROM influence_campaign")


@pytest.mark.mount
def test_postgresql(operate, organiser_at, postgresql_url):
    site = operate(postgresql_url)
    with on_a_small_disk(postgresql_url) as disk:
        after = check_site(site, organiser_at, lambda process: full_for_postgresql(disk))
        with contextlib.closing(psycopg2.connect(postgresql_url)) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT email_body FROM influence_campaign")
            assert (after,) in cursor.fetchall()
