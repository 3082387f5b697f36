"""The rows of a run are written down before the first one is done.

What is done is then exactly that, whatever changes meanwhile, and where a process dies the next one
goes on behind the last row.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from changemaker_admin.bulk.models import BulkRow, BulkRun
from changemaker_admin.bulk.queries import Run, rows_in_state, run_by_id
from changemaker_admin.lists.declarations import DateRange
from changemaker_admin.lists.state import keyset_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from changemaker_admin.lists.declarations import DeclaredList
    from changemaker_core import Tx

#: Rows that are written down in one transaction.
BATCH: Final = 1000


def select_some(tx: Tx, id: str, screen: DeclaredList) -> bool:
    """Write down the next rows of a run; return whether there may be more."""
    here = (BulkRun.id == id) & (BulkRun.state == "selecting")
    if not BulkRun.update(state="selecting").where(here).execute():
        return False  # whoever cancels it has done so, or waits for this transaction
    run: Run = run_by_id(id=id).get()
    keys, last = _undone_rows(run) if run.undoes else _rows(run, screen)
    tx.insert_rows(BulkRow, ["run", "key"], [(id, str(key)) for key in keys])
    is_more = len(keys) == BATCH and run.keys is None
    changes: dict[str, Any] = {"total": BulkRun.total + len(keys), "selected_to": last}
    if not is_more:
        changes |= {"state": "running", "arguments": {}}
    BulkRun.update(**changes).where(BulkRun.id == id).execute()
    return is_more


def _rows(run: Run, screen: DeclaredList) -> tuple[Sequence[Any], str]:
    """Return the keys of the next rows, and where they end."""
    by_key = keyset_of(screen, screen.key)
    if run.keys is not None:
        wanted = [by_key.read_key(each) for each in run.keys]
        rows = by_key.page(run.of_path, limit=None, keys=wanted).all()
        return [getattr(row, screen.key) for row in rows], ""
    last = by_key.read_key(run.selected_to) if run.selected_to else None
    through = by_key.read_key(run.through)
    arguments = {**_arguments(run, screen), **run.of_path}
    after = None if last is None else [last, last]
    rows = by_key.page(arguments, limit=BATCH, after=after).all()
    keys = [getattr(row, screen.key) for row in rows]
    return [key for key in keys if key <= through], str(keys[-1]) if keys else ""


def _arguments(run: Run, screen: DeclaredList) -> dict[str, Any]:
    """Return the arguments of the query, which JSON holds as text."""
    moments = [
        name for each in screen.filters if isinstance(each, DateRange) for name in each.parameters
    ]
    return {
        name: msgspec.convert(value, datetime) if name in moments else value
        for name, value in run.arguments.items()
    }


def _undone_rows(run: Run) -> tuple[Sequence[Any], str]:
    """Return the keys of the next rows that the run to be undone has done."""
    after = run.selected_to or None
    rows = rows_in_state(run_id=run.undoes or "", state="done", limit=BATCH, after=after).all()
    return [row.key for row in rows], rows[-1].id if rows else ""
