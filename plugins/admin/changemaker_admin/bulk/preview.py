"""The page that says what a bulk action will do, and asks to confirm it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta

from changemaker_admin.bulk import starting
from changemaker_admin.lists.pages import Objects, arguments_of, context_of
from changemaker_admin.lists.reading import COUNTED
from changemaker_admin.lists.state import ListState, keyset_of, read_state
from changemaker_core import (
    Body,
    Form,
    InvalidId,
    NotFound,
    Redirect,
    TemplateResponse,
    endpoint,
    new_id,
)

if TYPE_CHECKING:
    from changemaker_admin.lists.declarations import BulkAction, DeclaredList
    from changemaker_core import Request, Response

#: Rows that are shown by name.
SHOWN: Final = 5
#: Boxes that can be ticked: those of a page, and of the pages that someone put together.
MOST_KEYS: Final = 500

#: The key of a row, as text.
Key = Annotated[str, Meta(max_length=64)]


class Confirmed(Body, frozen=True):
    """What is confirmed: these ``keys``, or all that ``filters`` find up to the key ``through``.

    ``run`` is the id of the run, so that a form that is sent twice begins one.
    """

    run: Key
    keys: Annotated[list[Key], Meta(max_length=MOST_KEYS)] = msgspec.field(default_factory=list)
    filters: Annotated[str, Meta(max_length=2000)] = ""
    through: Annotated[str, Meta(max_length=64)] = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows that an action is about to be done to.

    ``count`` is None where there are more than ``COUNTED``; ``first`` are some of the rows.
    """

    keys: list[str] | None
    filters: str
    through: str
    count: int | None
    first: list[Any]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return self.count == 0

    @property
    def counted(self) -> int:
        """How far the count is exact."""
        return COUNTED


def action_page(screen: DeclaredList, action: BulkAction) -> object:
    """Return the resource of an action of a screen."""

    class ActionPage:
        @endpoint(permission=action.permission, on=screen.on)
        async def on_get(
            self, req: Request, resp: Response, *, objects: Objects = None, **params: str
        ) -> TemplateResponse:
            """Say what will happen, and to which rows."""
            own = await context_of(screen, req, params)
            state = await read_state(screen, req, arguments_of(screen, params, objects))
            context = {
                "title": screen.title,
                "screen": screen,
                "action": action,
                "selection": await _selection(req, state, params, objects),
                "back": req.path.rsplit("/actions/", 1)[0],
                "run": new_id(),
            }
            return TemplateResponse("admin/bulk/preview.html", {**context, **own})

        @endpoint(
            permission=action.permission,
            on=screen.on,
            form=Confirmed,
            recent_sign_in=action.dangerous,
        )
        async def on_post(
            self,
            req: Request,
            resp: Response,
            *,
            form: Form[Confirmed],
            objects: Objects = None,
            **params: str,
        ) -> Redirect:
            """Begin it."""
            await context_of(screen, req, params)
            confirmed = form.value
            if confirmed is None:
                raise NotFound
            given = arguments_of(screen, params, objects)
            state = await read_state(screen, req, given, confirmed.filters)
            ticked = [] if confirmed.through else await _ticked(req, state, given, confirmed.keys)
            await req.site.db.write(
                starting.start,
                confirmed.run,
                screen=screen.path,
                action=action.name,
                params=params,
                arguments=state.filters,
                keys=None if confirmed.through else _keys_of(screen, ticked),
                through=confirmed.through,
                objects=objects,
            )
            return Redirect(f"/admin/bulk/{confirmed.run}")

    return ActionPage()


async def _selection(
    req: Request, state: ListState, params: dict[str, str], objects: Objects
) -> Selection:
    sent = parse_qsl(req.query_string)
    screen, every = state.screen, ("all", "1") in sent
    if every:
        by_key = keyset_of(screen, f"-{screen.key}")
        last = await req.site.db.one(by_key.page(state.arguments, limit=1))
        through = "" if last is None else str(getattr(last, screen.key))
        count = await req.site.db.count(screen.query(**state.arguments), COUNTED)
        first = await req.site.db.all(state.keyset().page(state.arguments, limit=SHOWN))
        exact = count if count <= COUNTED else None
        return Selection(None, state.query_string, through, exact, first)
    sent_keys = [value for name, value in sent if name == "selected"]
    given = arguments_of(screen, params, objects)
    rows = await _ticked(req, state, given, sent_keys[:MOST_KEYS])
    return Selection(_keys_of(screen, rows), "", "", len(rows), rows[:SHOWN])


async def _ticked(
    req: Request, state: ListState, given: dict[str, Any], sent: list[str]
) -> list[Any]:
    """Return the rows of the keys that were sent, as far as the visitor sees them in the list."""
    by_key = state.keyset()
    try:
        keys = [by_key.read_key(each) for each in sent]
        return await req.site.db.all(by_key.page(given, limit=None, keys=keys)) if keys else []
    except (ValueError, InvalidId):  # no form of ours sends it
        return []


def _keys_of(screen: DeclaredList, rows: list[Any]) -> list[str]:
    return [str(getattr(row, screen.key)) for row in rows]
