"""Reads of runs of bulk actions."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from changemaker_admin.bulk.models import FINAL, BulkRow, BulkRun, RunState
from changemaker_core import Query, Text, compiled


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a bulk action."""

    id: str
    screen: str
    action: str
    params: dict[str, str]
    arguments: dict[str, Any]
    keys: list[str] | None
    through: str
    selected_to: str
    objects: list[str] | None
    state: RunState
    total: int
    done: int
    failed: int
    user_id: str
    undoes: str | None
    created_at: datetime

    @property
    def is_final(self) -> bool:
        """Whether nothing more is done."""
        return self.state in FINAL

    @property
    def path(self) -> str:
        """The path of the list."""
        return self.screen.format(**{name: quote(value) for name, value in self.params.items()})

    @property
    def of_path(self) -> dict[str, Any]:
        """The arguments of the query that are no filters."""
        scope = {"objects": self.objects} if self.objects is not None else {}
        return {**self.params, **scope}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a run."""

    id: str
    key: str
    error: tuple[str, dict[str, Any]] | None

    @property
    def reason(self) -> Text:
        """Why it failed."""
        message, params = self.error or ("", {})
        return Text(message, **params)


@compiled(Run)
def run_by_id(id: str) -> Query:
    """Return a run."""
    return BulkRun.select_for(Run).where(BulkRun.id == id)


@compiled(str)
def undoing(id: str) -> Query:
    """Return the id of the run that takes the run ``id`` back."""
    return BulkRun.select(BulkRun.id).where(BulkRun.undoes == id)


@compiled(Row)
def rows_in_state(run_id: str, state: str, limit: int, after: str | None = None) -> Query:
    """Return the first rows of a run in a state, in the order in which they are done."""
    query = BulkRow.select_for(Row).where(BulkRow.run == run_id, BulkRow.state == state)
    if after is not None:
        query = query.where(BulkRow.id > after)
    return query.order_by(BulkRow.id).limit(limit)


@compiled(str)
def runs_before(moment: datetime, limit: int) -> Query:
    """Return the ids of runs that began before a moment."""
    query = BulkRun.select(BulkRun.id).where(BulkRun.created_at < moment)
    return query.order_by(BulkRun.created_at).limit(limit)
