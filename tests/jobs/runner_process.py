"""A runner process, for tests that kill it: DATABASE_URL SMTP_URL [TICK_SECONDS]."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from datetime import timedelta

import peewee

from changemaker_core.config.smtp_url import SmtpUrl
from changemaker_core.db import Model, Tx
from changemaker_core.jobs import JobFailed, JobRun, run_jobs
from changemaker_core.jobs.declarations import Interval, Job, RetryPolicy
from changemaker_core.mail import Address, DeliveryUnknown, Message, Refused, SmtpTransport
from tests.bench.jobs_only_site import JobsOnlySite
from tests.bench.processes import READY

LEASE = timedelta(seconds=2)


class Note(Model):
    text = peewee.TextField()

    class Meta:
        table_name = "test_note"


def note(tx: Tx, text: str) -> None:
    Note.create(text=text)


def write_note(run: JobRun, number: int) -> None:
    run.done(note, str(number))


def work_in_lane(run: JobRun, lane: str, number: int) -> None:
    """Take notes of the beginning and the end; 13 has no end, but is dead."""
    run.write(note, f"{lane} begin {number}")
    time.sleep(0.005)
    if number % 100 == 13:
        raise JobFailed
    run.done(note, f"{lane} end {number}")


class Sender:
    """Sends mail as a plugin does."""

    def __init__(self, url: str) -> None:
        sender = Address("", "site@example.org")
        self.transport = SmtpTransport(SmtpUrl.parse(url), sender)

    def send(self, run: JobRun, number: int, die: str = "") -> None:
        message = Message(
            to=Address("", "mp@example.org"),
            subject=f"Message {number}",
            text="Please keep the park.\n",
            message_id=f"<{number}@example.org>",
        )
        with self.transport.session() as session:
            try:
                session.send_envelope(message)
                if die == "before" and run.attempt == 1:
                    os.kill(os.getpid(), signal.SIGKILL)
                run.at_risk()
                if die == "between":
                    os.kill(os.getpid(), signal.SIGKILL)
                session.send_data()
            except Refused as refused:
                run.retry(str(refused))
            except DeliveryUnknown as error:
                run.unknown(str(error))


def write_tick(run: JobRun) -> None:
    run.done(note, "tick")


def make_site(database_url: str, sender: Sender, tick_seconds: str = "") -> JobsOnlySite:
    """A site that sends mail, writes notes, and ticks."""
    jobs = [
        Job(
            "test.mail",
            sender.send,
            queue="mail",
            retries=RetryPolicy(initial=timedelta(seconds=1)),
            on_unknown=lambda tx, number, **_: note(tx, f"unknown {number}"),
        ),
        Job("test.note", write_note, queue="notes"),
        Job("test.lane", work_in_lane, queue="notes"),
    ]
    if tick_seconds:
        every = Interval(timedelta(seconds=float(tick_seconds)))
        jobs.append(Job("test.tick", write_tick, queue="notes", schedule=every))
    return JobsOnlySite(database_url, jobs)


def main(database_url: str, smtp_url: str, tick_seconds: str = "") -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    sender = Sender(smtp_url)
    site = make_site(database_url, sender, tick_seconds)
    print(READY, flush=True)
    run_jobs(site, stop, workers=4, lease=LEASE)
    sender.transport.close()
    site.db.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
