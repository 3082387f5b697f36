"""Reads of the outbox for operators: depths of queues, lists of jobs, known queues."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import peewee

from changemaker_core.db import Query, compiled
from changemaker_core.jobs import statements
from changemaker_core.jobs.models import CoreCancellation, CoreJob

if TYPE_CHECKING:
    from collections.abc import Iterable

    from changemaker_core.db import Tx
    from changemaker_core.site import Site


class QueueDepth(msgspec.Struct, frozen=True):
    """How many jobs of a queue are in a state, and the earliest time one of them was to start."""

    queue: str
    state: str
    jobs: int
    oldest: datetime


@compiled(QueueDepth)
def queue_depths() -> Query:
    """Return one row for each queue and state, read from a covering index."""
    return (
        CoreJob.select(
            CoreJob.queue,
            CoreJob.state,
            peewee.fn.COUNT(peewee.SQL("*")).alias("jobs"),
            peewee.fn.MIN(CoreJob.wanted_at).alias("oldest"),
        )
        .group_by(CoreJob.queue, CoreJob.state)
        .order_by(CoreJob.queue, CoreJob.state)
    )


class JobView(msgspec.Struct, frozen=True):
    """One job, without its payload; the fields are those of ``CoreJob``."""

    id: str
    name: str
    queue: str
    state: str
    attempts: int
    error: str | None
    wanted_at: datetime
    due_at: datetime | None
    created_at: datetime
    finished_at: datetime | None
    lane: str | None
    progress_done: int | None
    progress_total: int | None
    progress_note: str | None
    request_id: str | None


class JobDetail(JobView, frozen=True):
    """One job. ``ahead`` is how many jobs of its lane, or else of its queue, start before it, and
    null unless it waits; ``cancel_requested_at`` is when somebody asked for it to be cancelled."""

    ahead: int | None
    cancel_requested_at: datetime | None


_VIEW = tuple(getattr(CoreJob, name) for name in JobView.__struct_fields__)


@compiled(JobView)
def jobs(
    queue: str | None = None,
    state: str | None = None,
    before: str | None = None,
    limit: int = 51,
    offset: int = 0,
) -> Query:
    """Return jobs, newest first; with ``before``, those enqueued before the job of that id."""
    query = CoreJob.select(*_VIEW)
    if queue is not None:
        query = query.where(CoreJob.queue == queue)
    if state is not None:
        query = query.where(CoreJob.state == state)
    if before is not None:
        query = query.where(CoreJob.id < before)
    return query.order_by(CoreJob.id.desc()).limit(limit).offset(offset)


@compiled(str)
def failed_jobs(queues: list[str], since: datetime) -> Query:
    """Return the ids of the jobs of these queues that were to run since then, and have failed."""
    return CoreJob.select(CoreJob.id).where(
        CoreJob.queue.in_(queues), CoreJob.state == "failed", CoreJob.wanted_at >= since
    )


def job_detail(job_id: str) -> JobDetail | None:
    """Return one job, or None. To be run in a unit of work."""
    row = CoreJob.select(*_VIEW, CoreJob.lane_position).where(CoreJob.id == job_id).dicts().first()
    if row is None:
        return None
    position = row.pop("lane_position")
    cancelled = CoreCancellation.get_or_none(CoreCancellation.job_id == job_id)
    requested = cancelled.at if cancelled is not None else None
    return JobDetail(**row, ahead=_ahead(row, position), cancel_requested_at=requested)


def _ahead(row: dict[str, Any], position: int | None) -> int | None:
    if row["state"] != "queued":
        return None
    if row["due_at"] is None:
        ahead = (CoreJob.lane == row["lane"]) & (CoreJob.lane_position < position)
    else:
        ahead = (CoreJob.queue == row["queue"]) & (CoreJob.due_at < row["due_at"])
        ahead &= CoreJob.state == "queued"
    return int(CoreJob.select().where(ahead).count())


def cancel_job(tx: Tx, job_id: str) -> JobDetail | None:
    """Ask for a job to be cancelled, unless it has finished; return it as it then is, or None.

    One that operators must not cancel (``Job.cancellable``) stays as it is.
    """
    detail = job_detail(job_id)
    if detail is None or not tx.is_cancellable(detail.name) or not tx.cancel(detail.id):
        return detail
    tx.audit("operations.job.cancelled", detail.id, label=detail.name)
    return job_detail(job_id)


def known_queues(site: Site, names: Iterable[str]) -> list[str]:
    """Return the queues of the jobs of these ``names``, and those with unfinished rows; sorted."""
    found = {job.queue for job in map(site.job, names) if job is not None}
    return sorted(found.union(site.db.sync.read(statements.queues_in_use)))


@compiled(JobView)
def jobs_of(queue: str | None = None, state: str | None = None) -> Query:
    """Return jobs in no order, for lists that have one of their own."""
    query = CoreJob.select(*_VIEW)
    if queue is not None:
        query = query.where(CoreJob.queue == queue)
    if state is not None:
        query = query.where(CoreJob.state == state)
    return query


def limited_jobs(site: Site, names: Iterable[str]) -> dict[str, int]:
    """Return how many of a job may run at once on all machines, for the jobs that have a limit."""
    jobs = [job for job in map(site.job, names) if job is not None]
    return {job.name: job.at_most for job in jobs if job.at_most is not None}
