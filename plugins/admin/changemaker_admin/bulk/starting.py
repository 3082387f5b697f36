"""What an organiser decides about a run: to begin it, to stop it, to take it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from changemaker_admin.bulk.models import BulkRun
from changemaker_admin.bulk.queries import Run, run_by_id
from changemaker_core import Conflict, Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from changemaker_core import Tx

JOB: Final = "admin.bulk"


def start(
    tx: Tx,
    id: str,
    *,
    screen: str,
    action: str,
    params: Mapping[str, str],
    arguments: Mapping[str, Any],
    keys: Sequence[str] | None,
    through: str,
    objects: Sequence[str] | None,
) -> None:
    """Store a run and enqueue its job. The same ``id`` a second time changes nothing."""
    insert = BulkRun.insert(
        id=id,
        screen=screen,
        action=action,
        params=dict(params),
        arguments=dict(arguments),
        keys=None if keys is None else list(keys),
        through=through,
        objects=None if objects is None else list(objects),
        user_id=_user_of(tx),
        created_at=tx.now,
    )
    if insert.on_conflict_ignore().as_rowcount().execute():
        tx.audit("admin.bulk.started", id, after={"list": screen, "action": action})
        tx.enqueue(JOB, {"id": id}, key=f"{JOB}:{id}")


def cancel(tx: Tx, id: str) -> bool:
    """Stop a run; return False where it had ended. What it has done stays."""
    going = BulkRun.state.in_(["selecting", "running"])
    stop = BulkRun.update(state="cancelled", finished_at=tx.now, arguments={})
    if not stop.where((BulkRun.id == id) & going).execute():
        return False
    tx.audit("admin.bulk.stopped", id)
    return True


def undo(tx: Tx, id: str, undoing: str) -> None:
    """Begin a run with the id ``undoing`` that takes back what the run ``id`` has done.

    Raises ``Conflict`` where the run has not ended, or another takes it back.
    """
    run: Run = run_by_id(id=id).get()
    if not run.is_final or run.undoes is not None:
        raise Conflict(Text("This action has not ended yet."), code="bulk_not_ended")
    insert = BulkRun.insert(
        id=undoing,
        screen=run.screen,
        action=run.action,
        params=run.params,
        arguments={},
        objects=run.objects,
        user_id=_user_of(tx),
        undoes=id,
        created_at=tx.now,
    )
    if not insert.on_conflict_ignore().as_rowcount().execute():
        raise Conflict(Text("This action is undone already."), code="bulk_undone")
    after = {"list": run.screen, "action": run.action, "undoes": id}
    tx.audit("admin.bulk.undone", undoing, after=after)
    tx.enqueue(JOB, {"id": undoing}, key=f"{JOB}:{undoing}")


def _user_of(tx: Tx) -> str:
    user_id = tx.actor.user_id if tx.actor is not None else None
    if user_id is None:
        raise Conflict(Text("Only a person can do this."), code="bulk_needs_person")
    return user_id
