"""Core's tables: table versions, limits, the outbox, and what holds its queues."""

from __future__ import annotations

from typing import Any

import peewee

from changemaker_core.db import Model, UtcField, UUIDField


class TableVersion(Model):
    name = peewee.CharField(primary_key=True)
    version = peewee.BigIntegerField()

    class Meta:
        table_name = "core_table_version"


# What was written after a commit is found by the commits' numbers.
TableVersion.add_index(TableVersion.version, name="core_table_version_version")


class Window(Model):
    id = UUIDField(primary_key=True)
    key = peewee.CharField(max_length=32)
    at = UtcField()
    amount = peewee.IntegerField()

    class Meta:
        table_name = "core_window"
        indexes = ((("key", "at"), False),)


class Job(Model):
    id = UUIDField(primary_key=True)
    name = peewee.TextField()
    queue = peewee.TextField()
    payload = peewee.TextField()
    state = peewee.TextField()
    attempts = peewee.IntegerField(default=0)
    wanted_at = UtcField()
    due_at = UtcField(null=True)
    lease = peewee.TextField(null=True)
    dedupe_key = peewee.TextField(null=True, unique=True)
    error = peewee.TextField(null=True)
    actor = peewee.TextField(null=True)
    created_at = UtcField()
    updated_at = UtcField()
    finished_at = UtcField(null=True)

    class Meta:
        table_name = "core_job"


Job.add_index(Job.queue, Job.due_at, where=peewee.SQL("due_at IS NOT NULL"), name="core_job_due")
Job.add_index(Job.due_at, where=peewee.SQL("state = 'at_risk'"), name="core_job_at_risk")
# How many jobs of a queue are in a state is counted in this index alone.
Job.add_index(Job.queue, Job.state, Job.wanted_at, name="core_job_depth")


class Hold(Model):
    queue = peewee.TextField(primary_key=True)
    since = UtcField()
    reason = peewee.TextField()
    note = peewee.TextField(default="")

    class Meta:
        table_name = "core_hold"


class Heartbeat(Model):
    queue = peewee.TextField(primary_key=True)
    number = peewee.BigIntegerField(default=0)
    at = UtcField(null=True)

    class Meta:
        table_name = "core_heartbeat"


MODELS = [TableVersion, Window, Job, Hold, Heartbeat]


def up(migrator: Any, db: peewee.Database) -> None:
    """Create the tables and their indexes."""
    db.create_tables(MODELS)


def down(migrator: Any, db: peewee.Database) -> None:
    """Drop the tables."""
    db.drop_tables(MODELS)
