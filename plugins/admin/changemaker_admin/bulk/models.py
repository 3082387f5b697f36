"""Runs of bulk actions, and the rows of each."""

from __future__ import annotations

from typing import Final, Literal

import peewee

from changemaker_core import JSONField, Model, UtcField, UUIDField, new_id

#: ``selecting``: the rows are being written down; then it is ``running``. ``broken``: it ended
#: early, and what it had done stays.
RunState = Literal["selecting", "running", "done", "cancelled", "broken"]
FINAL: Final = ("done", "cancelled", "broken")
RowState = Literal["waiting", "done", "failed"]


class BulkRun(Model):
    """A bulk action that an organiser has confirmed.

    ``screen`` is the path of the list as it is declared, ``params`` the parameters of the path. It
    is done to the rows ``keys``; where these are NULL, to all that ``arguments`` find with keys up
    to ``through``. ``arguments`` may hold what was searched for, a person perhaps: they are emptied
    once the rows are written down. ``selected_to`` is the last key that is. ``objects`` is the
    scope of the organiser, NULL for everything. ``undoes`` is the run that this one takes back.
    """

    id = UUIDField(primary_key=True, default=new_id)
    screen = peewee.CharField(max_length=200)
    action = peewee.CharField(max_length=64)
    params = JSONField()
    arguments = JSONField()
    keys = JSONField(null=True)
    through = peewee.CharField(max_length=64, default="")
    selected_to = peewee.CharField(max_length=64, default="")
    objects = JSONField(null=True)
    state = peewee.CharField(max_length=16, default="selecting")
    total = peewee.IntegerField(default=0)
    done = peewee.IntegerField(default=0)
    failed = peewee.IntegerField(default=0)
    user_id = peewee.CharField(max_length=64)
    undoes = UUIDField(null=True, unique=True)
    created_at = UtcField(index=True)
    finished_at = UtcField(null=True)

    class Meta:
        table_name = "admin_bulk_run"


class BulkRow(Model):
    """A row that a run is done to: ``error`` is the message and its parameters, where it failed."""

    id = UUIDField(primary_key=True, default=new_id)
    run = peewee.ForeignKeyField(BulkRun, lazy_load=False, on_delete="CASCADE", index=False)
    key = peewee.CharField(max_length=64)
    state = peewee.CharField(max_length=16, default="waiting")
    error = JSONField(null=True)

    class Meta:
        table_name = "admin_bulk_row"
        indexes = ((("run", "state", "id"), False),)
