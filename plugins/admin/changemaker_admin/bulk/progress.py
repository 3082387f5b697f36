"""The pages of a run: how far it is, what failed and why; to stop it, and to take it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from changemaker_admin.bulk import starting
from changemaker_admin.bulk.jobs import screen_of
from changemaker_admin.bulk.models import BulkRun
from changemaker_admin.bulk.queries import Row, Run, rows_in_state, run_by_id, undoing
from changemaker_admin.lists.state import keyset_of
from changemaker_core import (
    Event,
    EventStream,
    Form,
    NotFound,
    Redirect,
    Route,
    TemplateResponse,
    Text,
    endpoint,
    flash,
    new_id,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from changemaker_admin.lists.declarations import BulkAction, DeclaredList
    from changemaker_core import Request, Response, Site, Tx

#: Rows that failed and are shown.
SHOWN: Final = 100
#: Everybody who signs in; whose run it is, the page finds out.
SIGNED_IN: Final = "accounts.me.read"


class NoFields(msgspec.Struct, frozen=True):
    """A form of a button alone."""


class RunPage:
    """``/admin/bulk/{id}``"""

    @endpoint(permission=SIGNED_IN)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> TemplateResponse:
        """Show how far a bulk action is, and what came of it."""
        run, screen, action = await _find(req, id)
        undone = await req.site.db.one(undoing(id=id))
        context = {
            "run": run,
            "screen": screen,
            "action": action,
            "failed": await _failed(req.site, run, screen),
            "undone": undone,
            "can_undo": action.undo is not None
            and run.is_final
            and run.done > 0
            and run.undoes is None
            and undone is None,
        }
        return TemplateResponse("admin/bulk/progress.html", context)


class RunEvents:
    """``/admin/bulk/{id}/live``"""

    @endpoint(permission=SIGNED_IN)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> EventStream:
        """Send how far a bulk action is, whenever that changes, until it has ended."""
        await _find(req, id)
        return EventStream(self._events(req.site, id))

    async def _events(self, site: Site, id: str) -> AsyncIterator[Event]:
        async for _ in site.changed(BulkRun, interval=0.5):
            run = await site.db.get(run_by_id(id=id))
            shown = {"done": run.done + run.failed, "total": run.total, "text": said(run)}
            yield Event(data={**shown, "final": run.is_final})
            if run.is_final:
                return


class CancelPage:
    """``/admin/bulk/{id}/cancel``"""

    @endpoint(permission=SIGNED_IN, form=NoFields)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[NoFields]
    ) -> Redirect:
        """Stop it where it is."""
        await _find(req, id)
        await req.site.db.write(starting.cancel, id)
        return Redirect(f"/admin/bulk/{id}")


class UndoPage:
    """``/admin/bulk/{id}/undo``"""

    @endpoint(permission=SIGNED_IN, form=NoFields)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[NoFields]
    ) -> Redirect:
        """Take back what it has done."""
        _, _, action = await _find(req, id)
        if action.undo is None:
            raise NotFound

        def undo(tx: Tx) -> str:
            begun = new_id()
            starting.undo(tx, id, begun)
            flash(tx, req, Text("It is being undone."))
            return begun

        return Redirect(f"/admin/bulk/{await req.site.db.write(undo)}")


def said(run: Run) -> Text:
    """Return how far a run is, in words."""
    done, total = run.done + run.failed, run.total
    match run.state:
        case "selecting":
            return Text("The entries are being counted…")
        case "running":
            return Text("{done} of {total}", done=done, total=total)
        case "cancelled":
            return Text("Stopped after {done} of {total}.", done=done, total=total)
        case "broken":
            return Text("Ended early, after {done} of {total}.", done=done, total=total)
    return Text("Done.")


async def _find(req: Request, id: str) -> tuple[Run, DeclaredList, BulkAction]:
    """Return a run with its screen and action; raises ``NotFound`` where it is not the visitor's.

    It is that of whoever began it, and of those who may do the same to everything.
    """
    run = await req.site.db.one(run_by_id(id=id))
    found = None if run is None else screen_of(req.site, run.screen)
    action = None if run is None or found is None else found[0].action(run.action)
    if run is None or found is None or action is None or req.actor is None:
        raise NotFound
    is_own = run.user_id == req.actor.user_id and req.actor.objects(action.permission) != []
    if not (is_own or req.actor.has_permission(action.permission)):
        raise NotFound
    return run, found[0], action


async def _failed(site: Site, run: Run, screen: DeclaredList) -> list[tuple[Row, Any]]:
    """Return rows that failed, each with the row of the list; None where there is none any more."""
    failed = await site.db.all(rows_in_state(run_id=run.id, state="failed", limit=SHOWN))
    if not failed:
        return []
    by_key = keyset_of(screen, screen.key)
    keys = [by_key.read_key(row.key) for row in failed]
    listed = await site.db.all(by_key.page(run.of_path, limit=None, keys=keys))
    found = {str(getattr(row, screen.key)): row for row in listed}
    return [(row, found.get(row.key)) for row in failed]


ROUTES: Final = (
    Route("/admin/bulk/{id}", RunPage()),
    Route("/admin/bulk/{id}/live", RunEvents()),
    Route("/admin/bulk/{id}/cancel", CancelPage()),
    Route("/admin/bulk/{id}/undo", UndoPage()),
)
