"""The page of a list, and its files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from changemaker_admin.lists.declarations import Search
from changemaker_admin.lists.reading import read_page
from changemaker_admin.lists.state import read_state
from changemaker_core import TemplateResponse, csv_stream, endpoint, xlsx_stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from changemaker_admin.lists.declarations import BulkAction, Column, DeclaredList, Link
    from changemaker_core import Actor, Request, Response, Streamed, Tx

    #: The parameters of a path.
    Params = Mapping[str, str]
#: The ids of the objects for which a visitor has a permission; None for all.
Objects: TypeAlias = list[str] | None


def list_page(screen: DeclaredList) -> object:
    """Return the resource of a screen's page."""

    class ListPage:
        @endpoint(permission=screen.permission, on=screen.on)
        async def on_get(
            self, req: Request, resp: Response, *, objects: Objects = None, **params: str
        ) -> TemplateResponse:
            """List what there is, with filters, and what can be done with it."""
            own = await context_of(screen, req, params)
            state = await read_state(screen, req, arguments_of(screen, params, objects))
            context = {
                "title": screen.title,
                "screen": screen,
                "state": state,
                "listed": await read_page(req, state),
                "columns": {each.name: each for each in screen.columns if each.shown},
                "headings": {each.name: each.title for each in screen.columns if each.shown},
                "numbers": [each.name for each in screen.columns if each.kind == "number"],
                "actions": [each for each in screen.actions if _may(req.actor, each)],
                "links": [each for each in screen.links if _leads(req.actor, each)],
                "empty_action": _empty_action(screen, req.actor),
                "params": params,
            }
            return TemplateResponse(screen.template, {**context, **own})

    return ListPage()


def export_file(screen: DeclaredList, kind: str) -> object:
    """Return the resource of a screen's rows as a file: ``csv`` or ``xlsx``."""
    columns: dict[Any, Any] = {
        each.title: _cell_of(each) for each in screen.columns if each.exported
    }
    write = csv_stream if kind == "csv" else xlsx_stream

    class ExportFile:
        @endpoint(permission=screen.permission, on=screen.on)
        async def on_get(
            self, req: Request, resp: Response, *, objects: Objects = None, **params: str
        ) -> Streamed:
            """Send what the filters find. The audit log has who downloaded it."""
            await context_of(screen, req, params)
            state = await read_state(screen, req, arguments_of(screen, params, objects))
            await req.site.db.write(_record, screen, state.typed)
            rows = state.keyset().page(state.arguments, limit=None)
            return write(rows, columns, download=f"{screen.export}.{kind}")

    return ExportFile()


async def context_of(screen: DeclaredList, req: Request, params: Params) -> dict[str, Any]:
    """Return the names that the screen's plugin adds; raises ``NotFound`` where it does."""
    return dict(await screen.context(req, **params)) if screen.context is not None else {}


def arguments_of(screen: DeclaredList, params: Params, objects: Objects) -> dict[str, Any]:
    """Return the arguments of the query that the path and the scope give it."""
    return {**params, "objects": objects} if screen.on == "*" else dict(params)


def _cell_of(column: Column) -> Any:
    """Return the function that returns the cell of a row, as a reader of a file wants it."""
    if column.badges is None:
        return column.of
    badges = column.badges

    def text(row: Any) -> Any:
        value = column.of(row)
        return badges[value].text if value in badges else value

    return text


def _record(tx: Tx, screen: DeclaredList, filters: dict[str, str]) -> None:
    """Record who downloads which rows. What was searched for may be a person's name or address,
    which the log has no place for."""
    searches = {each.name for each in screen.filters if isinstance(each, Search)}
    shown = {name: "…" if name in searches else value for name, value in filters.items()}
    tx.audit(f"{screen.owner}.{screen.export}.exported", after=shown or None)


def _may(actor: Actor | None, action: BulkAction) -> bool:
    return actor is not None and actor.objects(action.permission) != []


def _leads(actor: Actor | None, link: Link | None) -> bool:
    if link is None or actor is None:
        return False
    return link.permission is None or actor.has_permission(link.permission)


def _empty_action(screen: DeclaredList, actor: Actor | None) -> Link | None:
    action = screen.empty.action if screen.empty else None
    return action if _leads(actor, action) else None
