"""The outbox's tables."""

from __future__ import annotations

from typing import Literal

import peewee

from changemaker_core.db import Model, UtcField, UUIDField, new_id

#: The states of a job: those of one that is not finished, then those in which one ends.
JobState = Literal["queued", "running", "at_risk", "done", "dead", "unknown", "cancelled"]


class CoreJob(Model):
    """One job: waiting, running, or finished and not yet purged.

    ``state``: ``queued``, ``running``, ``at_risk`` (past its point of no return), and finally
    ``done``, ``dead``, ``unknown`` or ``cancelled``. ``due_at`` alone decides when a row may be
    claimed next: its start while it waits, its lease's end while it runs; null behind others of its
    lane, and once it is finished. ``wanted_at`` is when the job was first to start.

    ``request_id`` is the request that it began with, also of a job that another job enqueued.

    ``lane_position`` orders the unfinished jobs of a ``lane``; those behind the first have no
    ``due_at``. It is null once the job is finished.
    """

    id = UUIDField(primary_key=True, default=new_id)
    name = peewee.TextField()
    queue = peewee.TextField()
    payload = peewee.TextField()
    state = peewee.TextField(default="queued")
    attempts = peewee.IntegerField(default=0)
    wanted_at = UtcField()
    due_at = UtcField(null=True)
    lease = peewee.TextField(null=True)
    error = peewee.TextField(null=True)
    actor = peewee.TextField(null=True)
    created_at = UtcField()
    updated_at = UtcField()
    finished_at = UtcField(null=True)
    lane = peewee.TextField(null=True)
    lane_position = peewee.BigIntegerField(null=True)
    progress_done = peewee.BigIntegerField(null=True)
    progress_total = peewee.BigIntegerField(null=True)
    progress_note = peewee.TextField(null=True)
    request_id = peewee.TextField(null=True)

    class Meta:
        table_name = "core_job"
        not_personal = ("name",)


CoreJob.add_index(
    CoreJob.queue, CoreJob.due_at, where=peewee.SQL("due_at IS NOT NULL"), name="core_job_due"
)
CoreJob.add_index(CoreJob.due_at, where=peewee.SQL("state = 'at_risk'"), name="core_job_at_risk")
CoreJob.add_index(CoreJob.queue, CoreJob.state, CoreJob.wanted_at, name="core_job_depth")
CoreJob.add_index(
    CoreJob.lane,
    CoreJob.lane_position,
    unique=True,
    where=peewee.SQL("lane_position IS NOT NULL"),
    name="core_job_lane",
)
CoreJob.add_index(CoreJob.name, where=peewee.SQL("lease IS NOT NULL"), name="core_job_leased")


class CoreCancellation(Model):
    """A request to cancel a job, which an executor follows.

    It is a row of its own, since whoever holds the job's row may wait for what the transaction that
    cancels has written.
    """

    job_id = UUIDField(primary_key=True)
    at = UtcField()

    class Meta:
        table_name = "core_cancellation"


class CoreSchedule(Model):
    """Since when a job has its ``Cron``, written with the time zone: what was due before is not
    caught up on."""

    name = peewee.TextField(primary_key=True)
    schedule = peewee.TextField()
    since = UtcField()

    class Meta:
        table_name = "core_schedule"
        not_personal = ("name",)


class CoreHold(Model):
    """A queue from which no job is claimed until it is released.

    With ``retry_at``, one job is tried at that time, and a success releases the queue; ``trials``
    is how many were tried. Without, only an operator releases it.
    """

    queue = peewee.TextField(primary_key=True)
    since = UtcField()
    reason = peewee.TextField()
    note = peewee.TextField(default="")
    retry_at = UtcField(null=True)
    # The default in the database is for processes of the version before: they run until the reload.
    trials = peewee.IntegerField(default=0, constraints=[peewee.SQL("DEFAULT 0")])

    class Meta:
        table_name = "core_hold"


class CoreFailure(Model):
    """What has failed in a queue since something in it last succeeded, each ``item`` once: the kind
    and the keyed hash of a recipient or a sender."""

    queue = peewee.TextField()
    item = peewee.TextField()
    at = UtcField()

    class Meta:
        table_name = "core_failure"
        primary_key = peewee.CompositeKey("queue", "item")


class CoreHeartbeat(Model):
    """The heartbeat of a guarded queue: a number that only grows, and the time of the last
    heartbeat; null where there was none. ``held_queues.guard`` explains it."""

    queue = peewee.TextField(primary_key=True)
    number = peewee.BigIntegerField(default=0)
    at = UtcField(null=True)

    class Meta:
        table_name = "core_heartbeat"
