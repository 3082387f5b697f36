"""The job of a run, and the one that deletes old runs."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from changemaker_admin.bulk.models import BulkRun
from changemaker_admin.bulk.queries import Run, run_by_id, runs_before
from changemaker_admin.bulk.selecting import select_some
from changemaker_admin.bulk.starting import JOB
from changemaker_admin.bulk.working import Work, work_on_some
from changemaker_admin.lists.declarations import DeclaredList
from changemaker_admin.lists.state import keyset_of
from changemaker_core import Interval, Job

if TYPE_CHECKING:
    from changemaker_core import JobRun, Site, Tx

log = logging.getLogger(__name__)

#: How long a run can be looked at and taken back.
KEPT: Final = timedelta(days=30)


def screen_of(site: Site, path: str) -> tuple[DeclaredList, Any] | None:
    """Return the screen at a path as it is declared, and its plugin; None where there is none."""
    screens = site.call_hook("admin_register_screens", site=site)
    lists = ((each.item, each.plugin) for each in screens if isinstance(each.item, DeclaredList))
    return next((each for each in lists if each[0].path == path), None)


def do_bulk(run: JobRun, id: str) -> None:
    """Do a bulk action to its rows. A run that was interrupted goes on behind the last of them."""
    begun = run.read(lambda: run_by_id(id=id).one())
    if begun is None or begun.is_final:
        return
    found = screen_of(run.site, begun.screen)
    work = None if found is None else _work(begun, *found)
    if found is None or work is None:
        # Its plugin was removed, or changed, since it was confirmed.
        run.write(_break, id)
        return
    while run.write(select_some, id, found[0]):
        run.stop_if_asked()
    while (now := run.write(work_on_some, id, work)) is not None:
        run.progress(now.done + now.failed, now.total)
        run.stop_if_asked()


def _work(begun: Run, screen: DeclaredList, plugin: Any) -> Work | None:
    action = screen.action(begun.action)
    function = None if action is None else action.undo if begun.undoes else action.run
    if action is None or function is None:
        return None
    read_key = keyset_of(screen, screen.key).read_key
    return Work(function, action.permission, read_key, plugin.instance.errors)


def _break(tx: Tx, id: str) -> None:
    change = BulkRun.update(state="broken", finished_at=tx.now, arguments={})
    change.where((BulkRun.id == id) & BulkRun.state.in_(["selecting", "running"])).execute()


def purge(run: JobRun) -> None:
    """Delete runs that nobody looks at any more."""
    while run.write(_purge_some):
        run.stop_if_asked()


def _purge_some(tx: Tx) -> int:
    ids = runs_before(moment=tx.now - KEPT, limit=1).all()
    return int(BulkRun.delete().where(BulkRun.id.in_(ids)).execute()) if ids else 0


JOBS: Final = (
    Job(JOB, do_bulk, on_dead=_break, expected=timedelta(hours=1)),
    Job("admin.purge-bulk", purge, schedule=Interval(timedelta(days=1))),
)
