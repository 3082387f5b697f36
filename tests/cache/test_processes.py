"""Web processes of one site, over sockets: none shows what a write has changed.

The long form: ``CHANGEMAKER_CACHE_WRITES=3000``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import subprocess
import sys
import uuid
from pathlib import Path

import httpx
import pytest

from changemaker_core import Config, Site
from changemaker_core.testing.fixtures.site import migrate

PROGRAM = Path(__file__).parent / "programs" / "play_site.py"
PROCESSES = 3
WRITES = int(os.environ.get("CHANGEMAKER_CACHE_WRITES", "60"))
#: Seconds within which other processes are notified of a commit to PostgreSQL. Responses are
#: cached for a minute.
NOTIFY_TIMEOUT = 10.0
#: How many write at once.
MANY = (1, 1, 2, 3)

IDS = [str(uuid.UUID(int=number)) for number in range(5)]
SLUGS = ["a", "b", "c", "d", "e", "f", "g"]
KINDS = (
    *(("insert",) * 4 + ("upsert", "upsert_by_slug", "rename", "rename", "move", "swap")),
    *(("count",) * 6 + ("count_raw", "count_all", "rename_by_slug", "build", "half", "fail")),
    *("delete", "delete_tally", "add_tally"),
    *("bulk", "bulk_count", "raw_rename", "raw_declared", "raw_and_count"),
)
PAGES = [
    *(f"{kind}/{id}" for kind in ("id", "alone", "streets") for id in IDS),
    *(f"slug/{slug}" for slug in SLUGS),
    *("ranking/all", "names/all", "names/raw"),
]


@pytest.fixture
async def start(tmp_path):
    """``await start(database_url, …)``: clients of as many processes of one site."""
    async with contextlib.AsyncExitStack() as stack:

        async def start_(database_url, redis_url="", *, row_tags=True):
            site = Site(Config.for_tests(tmp_path, database_url=database_url), [])
            migrate(site)
            site.close()
            command = [sys.executable, PROGRAM, tmp_path, database_url, redis_url, str(row_tags)]
            ports = []
            for _ in range(PROCESSES):
                process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
                stack.callback(process.communicate)
                stack.callback(process.terminate)
                ports.append(int(await asyncio.to_thread(process.stdout.readline)))
            clients = [httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") for port in ports]
            return [await stack.enter_async_context(client) for client in clients]

        yield start_


class Play:
    """Random writes through any process, while all get requests; then each page is compared."""

    def __init__(self, processes, at_once):
        self.processes = processes
        #: Whether every process sees a write as soon as one has responded to it.
        self.at_once = at_once
        self.chance = random.Random(11)  # noqa: S311  # not a secret
        self.tried = self.done = 0

    async def run(self, writes):
        while self.tried < writes:
            reading = [asyncio.create_task(self.read()) for _ in range(6)]
            writers = await asyncio.gather(*[self.write() for _ in range(self.chance.choice(MANY))])
            comparisons = []
            for process in self.processes:
                eventually = not (self.at_once or [process] == writers)
                for page in self.chance.sample(PAGES, 8):
                    comparisons.append(self.compare(process, page, eventually=eventually))
            await asyncio.gather(*comparisons)
            await asyncio.gather(*reading)

    async def write(self):
        """One write through one of the processes, which is returned."""
        self.tried += 1
        chance, process = self.chance, self.chance.choice(self.processes)
        id, other = chance.sample(IDS, 2)
        order = {"what": chance.choice(KINDS), "id": id, "other": other}
        order |= {"slug": chance.choice(SLUGS), "name": chance.choice(["shown", "seen", "hidden"])}
        response = await process.post("/write", json=order)
        self.done += response.raise_for_status().json()["done"]
        return process

    async def read(self):
        process, page = self.chance.choice(self.processes), self.chance.choice(PAGES)
        await asyncio.sleep(self.chance.choice((0, 0, 0.002)))
        await process.get(f"/cached/{page}")

    async def compare(self, process, page, *, eventually):
        fresh = await process.get(f"/fresh/{page}")
        async with asyncio.timeout(NOTIFY_TIMEOUT):
            while not await shows(process, page, fresh):
                assert eventually, f"{page} is old"
                await asyncio.sleep(0.005)


async def shows(process, page, fresh):
    cached = await process.get(f"/cached/{page}")
    assert cached.status_code in (200, 404)
    if cached.status_code != fresh.status_code:
        return False
    return cached.status_code == 404 or cached.json() == fresh.json()


async def sign_ins_are_counted_together(processes):
    """Whatever address a visitor claims to come from, and whichever process they ask."""
    sent = 0

    async def sign_in(email):
        nonlocal sent
        sent += 1
        return await processes[sent % len(processes)].post(
            "/api/auth/login",
            json={"email": email, "password": "a wrong password"},
            headers={"X-Forwarded-For": f"203.0.113.{sent}", "Forwarded": f"for=192.0.2.{sent}"},
        )

    guesses = [await sign_in("sam@example.org") for _ in range(4)]
    assert [each.status_code for each in guesses] == [401, 401, 401, 429]
    assert int(guesses[-1].headers["retry-after"]) >= 1
    others = [await sign_in(f"sam.{n}@example.org") for n in range(8)]
    assert [each.status_code for each in others] == [401] * 7 + [429]
    headers = others[-1].headers
    assert '"accounts.login.ip";q=10;w=60' in headers["ratelimit-policy"]
    assert f'"accounts.login.ip";r=0;t={headers["retry-after"]}' in headers["ratelimit"]


async def test_no_process_shows_outdated_pages(start, database_url):
    processes = await start(database_url)
    play = Play(processes, at_once=database_url.startswith("sqlite"))
    await play.run(WRITES)
    assert play.done > WRITES // 2
    await sign_ins_are_counted_together(processes)


async def test_nor_without_row_tags(start, sqlite_url):
    play = Play(await start(sqlite_url, row_tags=False), at_once=True)
    await play.run(WRITES // 6)
    assert play.done > WRITES // 12


@pytest.mark.postgresql
@pytest.mark.valkey
async def test_nor_through_the_second_level(start, postgresql_url, valkey):
    processes = await start(postgresql_url, valkey.url)
    play = Play(processes, at_once=False)
    await play.run(WRITES)
    assert play.done > WRITES // 2
    await sign_ins_are_counted_together(processes)
