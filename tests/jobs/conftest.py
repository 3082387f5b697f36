from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import peewee
import pytest

from changemaker_core.config import Config
from changemaker_core.config.smtp_url import SmtpUrl
from changemaker_core.db import Model, Tx, migrations
from changemaker_core.jobs import CoreJob
from changemaker_core.jobs.declarations import Job, RetryPolicy
from changemaker_core.mail import Address, Message, SmtpTransport
from changemaker_core.mail.smtp_connection import SmtpOptions
from changemaker_core.testing import Clock
from tests.bench.jobs_only_site import JobsOnlySite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from changemaker_core.jobs import JobRun
    from changemaker_core.testing.smtp import SmtpServer


class Note(Model):
    """A plugin's own table: what jobs did, in the order of their commits."""

    text = peewee.TextField()

    class Meta:
        table_name = "test_note"


def note(tx: Tx, text: str) -> None:
    Note.create(text=text)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_site(
    database_url: str, clock: Clock, tmp_path: Path
) -> Iterator[Callable[..., JobsOnlySite]]:
    """``make_site(*jobs, subscriptions=…, clock=…, machine=…)``; all of a test share one database,
    and those of a machine its run folder."""
    with contextlib.ExitStack() as stack:

        def make(
            *jobs: Job, subscriptions: Any = (), clock: Any = clock, machine: str = "one"
        ) -> JobsOnlySite:
            site = JobsOnlySite(database_url, jobs, subscriptions, clock, tmp_path / machine)
            stack.callback(site.db.close)
            migrations.apply(site.db, [migrations.CORE])
            site.db.sync.write(lambda tx: tx.database.create_tables([Note]))
            return site

        yield make


@pytest.fixture
def put() -> Callable[..., str]:
    """``put(site, "name", key=…, due_at=…, **payload)`` enqueues in a transaction of its own."""

    def enqueue(
        site: JobsOnlySite,
        job: str,
        key: str | None = None,
        due_at: Any = None,
        lane: str | None = None,
        **payload: Any,
    ) -> str:
        return site.db.sync.write(
            lambda tx: tx.enqueue(job, payload, key=key, due_at=due_at, lane=lane)
        )

    return enqueue


@pytest.fixture
def rows() -> Callable[[JobsOnlySite], list[CoreJob]]:
    """All jobs, in the order of their ids."""
    return lambda site: site.db.sync.read(lambda: list(CoreJob.select().order_by(CoreJob.id)))


@pytest.fixture
def notes() -> Callable[[JobsOnlySite], list[str]]:
    """What jobs wrote."""

    def read() -> list[str]:
        return [each.text for each in Note.select().order_by(Note.id)]

    return lambda site: site.db.sync.read(read)


@pytest.fixture
def take_note() -> Callable[..., None]:
    """``run.write(take_note, "text")``."""
    return note


@pytest.fixture
def mailing(
    make_site: Callable[..., JobsOnlySite], smtp_server: SmtpServer
) -> Iterator[Callable[..., JobsOnlySite]]:
    """``mailing(failures_before_hold=10, **options_of_the_job)``: a site whose job ``test.mail``
    writes to ``to``, in the name of ``sender`` if there is one, and whose steps write notes."""
    transport = SmtpTransport(
        SmtpUrl.parse(smtp_server.url),
        Address("", "site@example.org"),
        options=SmtpOptions(
            command_timeout=timedelta(seconds=1), message_timeout=timedelta(seconds=1)
        ),
    )

    def send(
        run: JobRun,
        to: str = "mp@example.org",
        sender: str | None = None,
        automatic: bool = False,
    ) -> None:
        run.mail(
            Message(
                to=Address("", to),
                reply_to=None if sender is None else Address("", sender),
                subject="Park",
                text="Please keep it.\n",
                automatic=automatic,
            ),
            sending=lambda tx: note(tx, "sending"),
            sent=lambda tx: note(tx, "sent"),
            retried=lambda tx, error: note(tx, f"retried {error}"),
            failed=lambda tx, error: note(tx, f"failed {error}"),
            unknown=lambda tx, error: note(tx, "unknown"),
        )

    def make(failures_before_hold: int = 10, **options: Any) -> JobsOnlySite:
        options.setdefault("retries", RetryPolicy(attempts=2))
        job = Job("test.mail", send, queue="mail", **options)
        site: Any = make_site(job)
        limit = {"mail_failures_before_hold": failures_before_hold}
        site.config = Config.for_tests(site.run_folder, **limit)
        site.mail = transport
        return site  # type: ignore[no-any-return]  # given more than its class declares

    yield make
    transport.close()
