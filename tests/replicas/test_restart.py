"""PostgreSQL restarts, and crashes, under load: errors while it is down, and nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import Counter

import httpx

from tests.bench.processes import wait_until

#: Seconds after its return within which a site is as it was.
RECOVERY = 5
#: Seconds within which a notification has reached every process, on a busy machine.
NOTICE = 0.2


class Load:
    """Three people who do not stop: one reads, one sends, one changes and looks again."""

    def __init__(self, person, address, site):
        self.answers = []
        self.sent = []
        self.stale = []
        self._stop = threading.Event()
        self._organiser = person(address, site)
        self._campaign = self._organiser.campaign()
        self._people = [person(address) for _ in range(2)]
        self._threads = [
            threading.Thread(target=self._repeat, args=(what, pause))
            for what, pause in ((self._read, 0.02), (self._send, 0.08), (self._change, 0.05))
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def failures(self, since):
        """When each request began that failed."""
        return [at for at, answer in tuple(self.answers) if answer.is_error and at >= since]

    def _repeat(self, what, pause):
        number = 0
        while not self._stop.wait(pause):
            number += 1
            what(number)

    def _note(self, began, answer):
        self.answers.append((began, answer))
        return answer

    def _read(self, number):
        path = f"/api/public/campaigns/{self._campaign['slug']}"
        self._note(time.monotonic(), self._people[0].client.get(path))

    def _send(self, number):
        began, sender = time.monotonic(), f"sender-{number}@example.org"
        if self._note(began, self._people[1].send(self._campaign["id"], sender)).is_success:
            self.sent.append(sender)

    def _change(self, number):
        began = time.monotonic()
        changed = self._organiser.change(self._campaign["id"], description=f"Version {number}")
        if not self._note(began, changed).is_success:
            return
        time.sleep(NOTICE)
        path = f"/api/public/campaigns/{self._campaign['slug']}"
        # A new connection, which either process may take.
        with httpx.Client(base_url=self._organiser.client.base_url, timeout=90) as fresh:
            seen = self._note(time.monotonic(), fresh.get(path))
        if seen.is_success and seen.json()["description"] != f"Version {number}":
            self.stale.append((number, seen.json()["description"]))


def children(process):
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True
    )
    return set(listed.stdout.split())


def restart(server):
    server.halt()
    server.resume()


def crash(server):
    server.kill()
    server.resume()


def outage(load, server, end):
    """End the server and bring it back; seconds of its end, its return, and the last 503."""
    down = time.monotonic()
    end(server)
    up = time.monotonic()

    def last():
        return max((began for began in load.failures(down)), default=down)

    wait_until(lambda: time.monotonic() - max(last(), up) > 1.5, RECOVERY + 5)
    return down, up, last()


def test_a_database_that_restarts_and_crashes(crashing, operated, person, ask, smtp_server):
    url = crashing.create_database()
    site = operated(url, CHANGEMAKER_SMTP_URL=smtp_server.url)
    with site.start("serve", "--port", "0", "--workers", "2") as (process, address):
        wait_until(lambda: len(children(process)) == 3)
        wait_until_all_work(address, person(address, site), smtp_server)
        with Load(person, address, site) as load:
            before = children(process)
            time.sleep(1)
            outages = [outage(load, crashing, end) for end in (restart, crash)]
        assert load.stale == []
        assert {answer.status_code for _, answer in load.answers} <= {200, 202, 503}
        refused = [answer for _, answer in load.answers if answer.status_code == 503]
        assert all(answer.headers["Retry-After"] == "2" for answer in refused)
        assert {answer.json()["code"] for answer in refused} == {"database_unavailable"}
        for down, up, last in outages:
            assert down <= last <= up + RECOVERY
        # What was under way when the database ended had begun before, but was not answered yet.
        failed = [(at, at + a.elapsed.total_seconds()) for at, a in load.answers if a.is_error]
        assert all(any(d <= end and at <= last for d, _, last in outages) for at, end in failed)
        # What was in hand when it ended is found again when its lease ends: have it end now.
        ask(url, "UPDATE core_job SET due_at = now() WHERE lease IS NOT NULL AND due_at > now()")
        wait_until(lambda: open_jobs(ask, url) == 0)
        assert children(process) == before
    times = Counter(sender_of(received) for received in smtp_server.received)
    rows = ask(url, "SELECT sender_email FROM influence_campaign_email WHERE status = 'UNKNOWN'")
    settled = times.keys() | {sender for (sender,) in rows}
    assert len(load.sent) > 20
    assert [sender for sender in load.sent if sender not in settled] == []
    assert [sender for sender, count in times.items() if count > 1] == []


def test_a_process_that_begins_while_it_is_away_waits_for_it(crashing, operated, person):
    url = crashing.create_database()
    site = operated(url)
    with site.start("serve", "--port", "0") as (process, address):
        wait_until(lambda: len(children(process)) == 2)
        first = children(process)
        organiser = person(address, site)
        crashing.halt()
        for child in first:
            os.kill(int(child), signal.SIGKILL)
        # Long enough for each of their successors to have been told that there is no database.
        time.sleep(4)
        assert process.poll() is None
        crashing.resume()
        wait_until(lambda: _answers(address))
        assert organiser.campaign()["status"] == "ACTIVE"
        wait_until(lambda: len(children(process)) == 2)
        assert children(process).isdisjoint(first)


def _answers(address):
    try:
        return httpx.get(f"{address}/api/health", timeout=5).is_success
    except httpx.TransportError:
        return False


def sender_of(received):
    return received.email["Reply-To"].addresses[0].addr_spec


def wait_until_all_work(address, organiser, smtp_server):
    """Both web processes have answered, and the runner has sent a message."""
    organiser.send(organiser.campaign()["id"], "first@example.org")
    wait_until(lambda: smtp_server.received)
    seen = set()

    def both():
        # Each process begins its requests' ids with letters of its own.
        seen.add(httpx.get(f"{address}/api/health/live").headers["X-Request-ID"].split("-")[0])
        return len(seen) == 2

    wait_until(both)


def open_jobs(ask, url):
    sql = "SELECT count(*) FROM core_job WHERE due_at IS NOT NULL AND name LIKE 'influence.send%'"
    return ask(url, sql)[0][0]
