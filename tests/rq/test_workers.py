"""Workers: how they begin, stop, and outlive Redis; plain RQ; schedules."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
from redis.exceptions import RedisError
from rq import Queue

from changemaker_core.shared import tickets
from changemaker_core.shared.tickets import TicketSender, count_workers, send_ticket
from changemaker_core.shared.worker import IDLE_STOP_TIMEOUT, STOP_TIMEOUT, OnceAMinute
from changemaker_core.testing.smtp import Behaviour
from tests.bench.processes import running, stop, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from changemaker_core.testing.server import OperatedSite
    from changemaker_core.testing.smtp import SmtpServer
    from tests.bench.jobs_only_site import JobsOnlySite
    from tests.bench.valkey import ValkeyServer

Fixture = Any

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "workers.md"
#: Seconds in which a worker has stopped: ``STOP_TIMEOUT`` at most, and more on a busy machine.
STOP = 40
#: Jobs that a work horse runs at once.
THREADS = 4


def test_a_stop_ends_before_init_systems_kill() -> None:
    """systemd and Docker wait for ten seconds or more."""
    assert max(STOP_TIMEOUT, IDLE_STOP_TIMEOUT) < 10


def test_a_worker_has_a_lower_priority(working: Fixture) -> None:
    worker = working()
    nice = os.nice(0) + 5
    wait_until(lambda: os.getpriority(os.PRIO_PROCESS, worker.pid) == nice)


def test_sigterm_finishes_running_jobs_and_releases_the_others(
    operated: OperatedSite,
    serving: Fixture,
    working: Fixture,
    smtp_server: SmtpServer,
    senders: Fixture,
) -> None:
    smtp_server.always(Behaviour("message", reply_delay=2))
    writing = serving()
    written = [writing.write() for _ in range(2 * THREADS)]
    first = working()
    wait_until(lambda: len(senders()) == THREADS)
    first.terminate()
    assert first.wait(STOP) == 0
    assert statuses(operated) == {"SENT": len(senders()), "QUEUED": len(written) - len(senders())}
    smtp_server.always()
    working()
    wait_until(lambda: len(senders()) == len(written))
    assert sorted(senders()) == sorted(written)


def statuses(site: OperatedSite) -> dict[str, int]:
    """How many messages have each status."""
    url = site.environment["CHANGEMAKER_DATABASE_URL"]
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT status, count(*) FROM influence_campaign_email GROUP BY status")
        return dict(cursor.fetchall())


def test_a_job_that_does_not_end_delays_no_stop(
    serving: Fixture, working: Fixture, smtp_server: SmtpServer
) -> None:
    smtp_server.always(Behaviour("message", hang=True))
    worker = working()
    serving().write()
    wait_until(lambda: smtp_server.connections > 0)
    time.sleep(0.5)
    worker.terminate()
    assert worker.wait(STOP) == 0


def test_a_job_before_its_point_of_no_return_is_released_at_the_stop(
    serving: Fixture, working: Fixture, smtp_server: SmtpServer, senders: Fixture
) -> None:
    smtp_server.then(Behaviour("rcpt", hang=True))
    first = working()
    written = serving().write()
    wait_until(lambda: smtp_server.connections > 0)
    time.sleep(0.5)
    first.terminate()
    assert first.wait(STOP) == 0
    working()  # long before the lease has ended
    wait_until(lambda: senders() == [written])


def test_sigterm_while_idle(
    ledger: JobsOnlySite, valkey: ValkeyServer, worker_command: Callable[..., list[str]]
) -> None:
    for trouble in (lambda: None, valkey.kill, valkey.hang):
        valkey.restart_empty()
        with running(worker_command(valkey.url), ready=None) as worker:
            wait_until(lambda: count_workers(valkey.client) == 1)
            trouble()
            time.sleep(1)
            assert stop(worker, STOP) == 0


def test_plain_rq_as_the_guide_says(
    operated: OperatedSite, serving: Fixture, valkey: ValkeyServer, senders: Fixture
) -> None:
    (line,) = [line for line in GUIDE.read_text().splitlines() if line.startswith("rq worker ")]
    words = shlex.split(line.replace("redis://127.0.0.1:6379/0", valkey.url))
    command = [str(Path(sys.executable).with_name("rq")), *words[1:]]
    environment = {**os.environ, **operated.environment, "CHANGEMAKER_SITE": str(operated.folder)}
    writing = serving()
    written = [writing.write() for _ in range(3)]
    with running(command, ready=None, env=environment, cwd=Path(__file__).parent) as process:
        wait_until(lambda: len(senders()) == 3)
        assert stop(process, STOP) == 0
    assert sorted(senders()) == sorted(written)


def test_invalid_options(operated: OperatedSite) -> None:
    done = operated.run("worker", "--queues", "mail,post", check=False)
    assert done.returncode == 1
    assert "No queue is called 'post'. The site has audit, " in done.stderr
    operated.environment["CHANGEMAKER_REDIS_URL"] = ""
    done = operated.run("worker", check=False)
    assert done.returncode == 1
    assert "redis_url is not set" in done.stderr


def test_burst_ends_when_there_are_no_more_tickets(
    operated: OperatedSite, serving: Fixture, valkey: ValkeyServer, senders: Fixture
) -> None:
    sender = serving().write()
    wait_until(lambda: Queue("mail", connection=valkey.client).count > 0)
    operated.run("worker", "--queues", "mail", "--burst")
    assert senders() == [sender]


def ticks(site: JobsOnlySite) -> int:
    sql = "SELECT count(*) FROM test_note WHERE text = 'tick'"
    count: int = site.db.sync.write(lambda tx: tx.database.execute_sql(sql).fetchone()[0])
    return count


def test_scheduled_jobs_run_where_there_are_only_workers_whatever_valkey_does(
    ledger: JobsOnlySite, valkey: ValkeyServer, worker_command: Callable[..., list[str]]
) -> None:
    with (
        TicketSender(ledger, valkey.url, function="worker_process.drain"),
        running(worker_command(valkey.url), ready=None) as worker,
    ):
        wait_until(lambda: ticks(ledger) >= 2)
        for trouble in (valkey.restart_empty, valkey.hang, valkey.kill):
            trouble()
            time.sleep(1.5)
            before = ticks(ledger)
            valkey.go_on()
            if trouble == valkey.kill:
                valkey.start()
            wait_until(lambda before=before: ticks(ledger) >= before + 2)
            assert count_workers(valkey.client) == 1, f"after {trouble.__name__}"
        assert stop(worker, STOP) == 0


def test_tickets_are_few(valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000_000.0]
    monkeypatch.setattr(tickets.time, "time", lambda: now[0])
    queue = Queue("mail.urgent", connection=valkey.client)
    for second in range(tickets.MAX_WAITING + 3):
        now[0] += 1
        for _ in range(3):
            send_ticket(valkey.client, "mail.urgent")
        assert queue.count == min(second + 1, tickets.MAX_WAITING)


def test_trouble_and_its_end_are_logged_once(
    ledger: JobsOnlySite, valkey: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    valkey.kill()
    with TicketSender(ledger, valkey.url):
        wait_until(lambda: "tickets cannot be sent" in caplog.text)
        time.sleep(2.5)  # several looks
        assert caplog.text.count("tickets cannot be sent") == 1
        valkey.start()
        wait_until(lambda: "tickets are sent again" in caplog.text)
        wait_until(lambda: Queue("notes", connection=valkey.client).count > 0)
    assert caplog.text.count("tickets are sent again") == 1


def test_rqs_errors_of_each_second_are_logged_once_a_minute() -> None:
    said, lost = OnceAMinute(), RedisError("gone")
    about = {"name": "rq.worker", "levelname": "ERROR"}
    retrying = logging.makeLogRecord({**about, "msg": "%s: %s", "args": ("worker", lost)})
    ended = logging.makeLogRecord({**about, "exc_info": (RedisError, lost, None)})
    other = logging.makeLogRecord({**about, "exc_info": (KeyError, KeyError("a"), None)})
    assert [said.filter(record) for record in (retrying, retrying, ended, other, other)] == [
        True,
        False,
        False,
        True,
        True,
    ]


def test_redis_is_not_imported_without_a_redis_url(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from changemaker_core import Config, create_app
from changemaker_core.cli import serve
create_app(Config.for_tests(Path(sys.argv[1])))
print(sorted({"redis", "rq"} & sys.modules.keys()))
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_health_and_doctor_report_redis(
    operated: OperatedSite, serving: Fixture, working: Fixture, valkey: ValkeyServer
) -> None:
    writing = serving()
    assert health(writing) == (200, "ok")
    assert doctor(operated)[0] == "warning"
    working()
    status, message = doctor(operated)
    assert (status, message.partition(". ")[2]) == ("ok", "Workers: 1.")
    valkey.kill()
    time.sleep(1.1)  # health is cached for a second
    assert health(writing) == (200, "warning")
    assert doctor(operated)[0] == "error"


def health(writing: Fixture) -> tuple[int, str]:
    response = writing.client.get("/api/health")
    (status,) = (c["status"] for c in response.json()["checks"] if c["name"] == "redis")
    return response.status_code, status


def doctor(operated: OperatedSite) -> tuple[str, str]:
    found = json.loads(operated.run("doctor", "--json", check=False).stdout)
    (redis,) = (finding for finding in found if finding["name"] == "redis")
    return redis["status"], redis["detail"]
