"""What the address of a list says: filters, order, and where the page begins."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

import msgspec

from changemaker_admin.lists.declarations import Choice, DateRange, DeclaredList, Filter, Search
from changemaker_core import BadSignature, KeysetQuery, Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from changemaker_core import Request

#: Characters of a search; the rest of a longer one is left out.
LONGEST: Final = 100
_PURPOSE: Final = "admin.lists"


@dataclass(slots=True)
class ListState:
    """One page of a list as its address asks for it.

    ``typed`` has what the fields of the filters show, ``errors`` what is wrong with them, by field.
    ``arguments`` are those of the query. ``position`` is where the page begins, behind it or, with
    ``backward``, before it.
    """

    screen: DeclaredList
    sort: str
    arguments: dict[str, Any]
    typed: dict[str, str] = field(default_factory=dict)
    errors: dict[str, list[Text]] = field(default_factory=dict)
    options: dict[str, Mapping[str, str]] = field(default_factory=dict)
    position: list[Any] | None = None
    backward: bool = False

    @property
    def is_filtered(self) -> bool:
        """Whether a filter is set."""
        return bool(self.typed)

    @property
    def filters(self) -> dict[str, Any]:
        """The arguments that filters give, as JSON can hold them."""
        names = [name for each in self.screen.filters for name in each.parameters]
        given = {name: self.arguments[name] for name in names if name in self.arguments}
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in given.items()
        }

    @property
    def query_string(self) -> str:
        """The filters, as a part of an address."""
        return urlencode(self.typed)

    def keyset(self, *, reverse: bool = False) -> KeysetQuery[Any]:
        """Return the query in the order of the page, or in the reverse one."""
        sort = self.sort
        if reverse:
            sort = sort.removeprefix("-") if sort.startswith("-") else f"-{sort}"
        return keyset_of(self.screen, sort)

    def cursor(self, req: Request, row: Any, *, backward: bool = False) -> str:
        """Return the cursor of the page behind ``row``, or before it."""
        position = self.keyset().position(row)
        value = (self.screen.path, self.sort, backward, position)
        return req.site.signer(_PURPOSE).write(value)


@lru_cache(maxsize=1024)
def keyset_of(screen: DeclaredList, sort: str) -> KeysetQuery[Any]:
    """Return the query of a screen in an order, which is compiled once."""
    return KeysetQuery(screen.query, sort, screen.key)


async def read_state(
    screen: DeclaredList, req: Request, given: Mapping[str, Any], query: str | None = None
) -> ListState:
    """Return what the address of ``req`` says, with the arguments ``given`` by its path and scope.

    ``query`` is another query string than its own.

    What it does not understand it leaves out: an address that someone kept still leads somewhere.
    """
    sent = dict(parse_qsl(req.query_string if query is None else query))
    sort = sent.get("sort", "")
    known = (screen.sort.removeprefix("-"), *screen.sorts)
    state = ListState(screen, sort if sort.removeprefix("-") in known else screen.sort, dict(given))
    for each in screen.filters:
        await _read_filter(each, req, sent, state)
    _read_cursor(req, sent.get("cursor", ""), state)
    return state


async def _read_filter(each: Filter, req: Request, sent: Mapping[str, str], to: ListState) -> None:
    if isinstance(each, DateRange):
        for name, days in zip(each.parameters, (0, 1), strict=True):
            _read_day(name, days, req.site.time_zone, sent, to)
        return
    typed = " ".join(sent.get(each.name, "").replace("\0", " ").split())[:LONGEST]
    if isinstance(each, Choice):
        to.options[each.name] = await _options_of(each, req)
        if typed not in to.options[each.name]:
            return
    if typed:
        to.typed[each.name] = typed
        read = each.read if isinstance(each, Search) else None
        wanted = typed if read is None else await read(req.site, typed)
        to.arguments[each.name] = _converted(to.screen, each, wanted)


async def _options_of(each: Choice, req: Request) -> Mapping[str, str]:
    return await each.options(req) if callable(each.options) else each.options


def _converted(screen: DeclaredList, each: Choice | Search, typed: str) -> Any:
    kind = screen.query.annotations.get(each.name, str)
    return msgspec.convert(typed, kind, strict=False) if isinstance(each, Choice) else typed


def _read_day(name: str, days: int, zone: str, sent: Mapping[str, str], state: ListState) -> None:
    typed = sent.get(name, "").strip()[:LONGEST]
    if not typed:
        return
    state.typed[name] = typed
    try:
        day = date.fromisoformat(typed) + timedelta(days=days)
        moment = datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        state.errors[name] = [Text("Enter a date such as 2026-07-31.")]
        return
    state.arguments[name] = moment


def _read_cursor(req: Request, token: str, state: ListState) -> None:
    """Set where the page begins; at the beginning for a cursor of another list or order."""
    if not token:
        return
    try:
        path, sort, backward, values = req.site.signer(_PURPOSE).read(
            token, tuple[str, str, bool, list[Any]]
        )
        position = state.keyset().read_position(values)
    except (BadSignature, ValueError):
        return
    if (path, sort) == (state.screen.path, state.sort):
        state.position, state.backward = position, backward
