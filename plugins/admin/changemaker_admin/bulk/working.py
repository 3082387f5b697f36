"""Rows are done in transactions of some each: what is committed is done, and recorded as such."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import peewee

from changemaker_admin.bulk.models import BulkRow, BulkRun
from changemaker_admin.bulk.queries import Row, Run, rows_in_state, run_by_id
from changemaker_core import (
    Actor,
    DatabaseUnavailable,
    JobStopped,
    LeaseLost,
    LimitReached,
    Problem,
    RowNotFound,
    Text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from changemaker_core import Tx

log = logging.getLogger(__name__)

#: Rows that are done in one transaction. Other writes wait for it.
BATCH: Final = 25
#: Faults of the site, not of a row: the job is tried again.
_OF_SITE: Final = (
    DatabaseUnavailable,
    JobStopped,
    LeaseLost,
    LimitReached,
    OSError,
    peewee.InterfaceError,
    peewee.OperationalError,
)


@dataclass(frozen=True, slots=True)
class Work:
    """What is done to each row, and how the plugin's own exceptions are to be read."""

    function: Callable[[Tx, Any], object]
    permission: str
    read_key: Callable[[str], Any]
    errors: Mapping[type[Exception], Any]


def work_on_some(tx: Tx, id: str, work: Work) -> Run | None:
    """Do the next rows of a run; return the run as it is then, None where it has ended."""
    # Whoever cancels it waits for this transaction, or has done so before.
    if not BulkRun.update(state="running").where(_is_running(id)).execute():
        return None
    run: Run = run_by_id(id=id).get()
    tx.actor = _actor_of(run, work.permission)
    rows = rows_in_state(run_id=id, state="waiting", limit=BATCH).all()
    done = [row.id for row in rows if _is_done(tx, row, work)]
    if done:
        BulkRow.update(state="done").where(BulkRow.id.in_(done)).execute()
    changes: dict[str, Any] = {
        "done": BulkRun.done + len(done),
        "failed": BulkRun.failed + len(rows) - len(done),
    }
    if len(rows) < BATCH:
        changes |= {"state": "done", "finished_at": tx.now}
    BulkRun.update(**changes).where(BulkRun.id == id).execute()
    return run_by_id(id=id).get() if len(rows) == BATCH else None


def _is_running(id: str) -> Any:
    return (BulkRun.id == id) & (BulkRun.state == "running")


def _actor_of(run: Run, permission: str) -> Actor:
    """Return the organiser who confirmed the run, with the right that it needs."""
    if run.objects is None:
        return Actor("user", run.user_id, "", frozenset({permission}))
    scoped = frozenset((permission, each) for each in run.objects)
    return Actor("user", run.user_id, "", frozenset(), scoped)


def _is_done(tx: Tx, row: Row, work: Work) -> bool:
    """Do one row; record why, and return False, where that fails."""
    try:
        with tx.savepoint():
            work.function(tx, work.read_key(row.key))
    except _OF_SITE:
        raise
    except Exception as error:
        reason = _reason(error, work)
        said = [reason.message, {name: str(value) for name, value in reason.params.items()}]
        BulkRow.update(state="failed", error=said).where(BulkRow.id == row.id).execute()
        return False
    return True


def _reason(error: Exception, work: Work) -> Text:
    """Return why a row failed, for a person."""
    entry = next((work.errors[kind] for kind in type(error).__mro__ if kind in work.errors), None)
    found = entry(error) if callable(entry) and not isinstance(entry, Problem) else entry
    problem = error if isinstance(error, Problem) else found
    if isinstance(problem, Problem):
        said = problem.detail or problem.title
        return said if isinstance(said, Text) else Text("{reason}", reason=said)
    if isinstance(error, RowNotFound):
        return Text("It does not exist any more.")
    log.error("a row of a bulk action failed", exc_info=error)
    return Text("It could not be done. The operator finds the reason in the log.")
