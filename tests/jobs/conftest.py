from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import peewee
import pytest

from changemaker_core.db import Database, Model, Tx, migrations
from changemaker_core.jobs import CoreJob, Outbox, subscription_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from changemaker_core.plugin.types import Job, Subscription


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 5, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


class SmallSite:
    """A site of a database and jobs, and nothing else."""

    def __init__(
        self, url: str, jobs: list[Job], subscriptions: list[Subscription], clock: Any
    ) -> None:
        self.clock = clock
        self.jobs = Outbox(self)
        self.db = Database.open(url, clock=clock, effects=self.jobs)
        self.subscribed = subscriptions
        self.known = {job.name: job for job in [*jobs, *map(subscription_job, subscriptions)]}

    def job(self, name: str) -> Job | None:
        return self.known.get(name)

    def job_names(self) -> list[str]:
        return list(self.known)

    def subscriptions(self, event: str) -> list[Subscription]:
        return [each for each in self.subscribed if each.event == event]


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
def make_site(database_url: str, clock: Clock) -> Iterator[Callable[..., SmallSite]]:
    """``make_site(*jobs, subscriptions=…, clock=…)``; all of a test share one database."""
    with contextlib.ExitStack() as stack:

        def make(*jobs: Job, subscriptions: Any = (), clock: Any = clock) -> SmallSite:
            site = SmallSite(database_url, list(jobs), list(subscriptions), clock)
            stack.callback(site.db.close)
            migrations.apply(site.db, [migrations.CORE])
            site.db.sync.write(lambda tx: tx.database.create_tables([Note]))
            return site

        yield make


@pytest.fixture
def put() -> Callable[..., str]:
    """``put(site, "name", key=…, due_at=…, **payload)`` enqueues in a transaction of its own."""

    def enqueue(
        site: SmallSite, job: str, key: str | None = None, due_at: Any = None, **payload: Any
    ) -> str:
        return site.db.sync.write(lambda tx: tx.enqueue(job, payload, key=key, due_at=due_at))

    return enqueue


@pytest.fixture
def rows() -> Callable[[SmallSite], list[CoreJob]]:
    """All jobs, in the order of their ids."""
    return lambda site: site.db.sync.read(lambda: list(CoreJob.select().order_by(CoreJob.id)))


@pytest.fixture
def notes() -> Callable[[SmallSite], list[str]]:
    """What jobs wrote."""

    def read() -> list[str]:
        return [each.text for each in Note.select().order_by(Note.id)]

    return lambda site: site.db.sync.read(read)


@pytest.fixture
def take_note() -> Callable[..., None]:
    """``run.write(take_note, "text")``."""
    return note
