"""What a plugin declares of a list: where its rows come from, and what is shown and done there."""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from changemaker_admin.declarations import Count
    from changemaker_core import Compiled, Request, Site, Text, Tx

Tone = Literal["neutral", "ok", "warn", "danger"]
ColumnKind = Literal["text", "date", "datetime", "number", "status"]
#: The choices of a filter by value, or a function that reads them when the page is shown.
Options: TypeAlias = "Mapping[str, str] | Callable[[Request], Awaitable[Mapping[str, str]]]"


@dataclass(frozen=True, slots=True)
class Badge:
    """How a value of a ``status`` column is shown: its ``text``, and what it means by ``tone``."""

    text: Text
    tone: Tone = "neutral"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a list: ``Column("subject", Text("Subject"), link="/admin/letters/{id}")``.

    ``name`` is a field of the row, unless ``value(row)`` returns what is shown. ``link`` leads to
    the page of a row; fields of the row stand in braces. With ``sort=True`` the list can be sorted
    by the field; one that may be None cannot. ``badges`` are those of a ``status`` column, by
    value. With ``shown=False`` the column is a part of the export alone; with ``exported=False``,
    of the page.
    """

    name: str
    title: Text
    kind: ColumnKind = "text"
    link: str | None = None
    sort: bool = False
    value: Callable[[Any], Any] | None = None
    badges: Mapping[str, Badge] | None = None
    shown: bool = True
    exported: bool = True

    def of(self, row: Any) -> Any:
        """Return the value of ``row``."""
        return getattr(row, self.name) if self.value is None else self.value(row)

    def address(self, row: Any) -> str:
        """Return the path that ``link`` has for ``row``."""
        names = [name for _, name, _, _ in string.Formatter().parse(self.link or "") if name]
        values = {name: quote(str(getattr(row, name)), safe="") for name in names}
        return (self.link or "").format(**values)


@dataclass(frozen=True, slots=True)
class Choice:
    """A filter with one of a few values, which the query takes as the parameter ``name``.

    ``options`` are the labels by value, or ``async def options(req)`` that returns them:
    for a visitor with a scope, those of its objects.
    """

    name: str
    label: Text
    options: Options

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters of the query that it gives a value."""
        return (self.name,)


@dataclass(frozen=True, slots=True)
class DateRange:
    """A filter between two days of the site's time zone, either of which may be left open.

    The query takes the moments ``<name>_from`` and ``<name>_until``; the second is the beginning of
    the day after the last one: ``Event.starts_at < starts_until``.
    """

    name: str
    label: Text

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters of the query that it gives a value."""
        return (f"{self.name}_from", f"{self.name}_until")


@dataclass(frozen=True, slots=True)
class Search:
    """A box for words, which the query takes as the parameter ``name``; use core's ``search``.

    ``hint`` says what is searched: "Name or email". ``await read(site, typed)`` returns what the
    query gets in place of what was typed, such as the id of the person with this email address.
    """

    label: Text
    name: str = "q"
    hint: Text | None = None
    read: Callable[[Site, str], Awaitable[str]] | None = None

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters of the query that it gives a value."""
        return (self.name,)


Filter: TypeAlias = Choice | DateRange | Search


@dataclass(frozen=True, slots=True)
class Link:
    """A button at the top of a screen that leads to ``path``, for those with ``permission``."""

    text: Text
    path: str
    permission: str | None = None


@dataclass(frozen=True, slots=True)
class Empty:
    """What a list without rows says: what would be here, and what to do first."""

    title: Text
    text: Text | None = None
    action: Link | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkAction:
    """Something that is done to each of the rows that an organiser ticks.

    ``run(tx, key)`` is called for one row after another, in transactions of some rows each, by a
    job: it is a service, such as the one that the row's own page calls. What it raises (a
    ``Problem`` such as ``Conflict``, ``RowNotFound``) is shown beside the row, and the next one is
    done. ``undo(tx, key)`` takes back what ``run`` did to a row. ``text`` says what will happen,
    in a whole sentence. ``dangerous`` asks for the password again. Holders of ``permission`` alone
    see it; where they hold it for some objects, it is done to the rows of these.
    """

    name: str
    label: Text
    permission: str
    text: Text
    run: Callable[[Tx, str], object]
    undo: Callable[[Tx, str], object] | None = None
    dangerous: bool = False


#: Names in the address of a list that are its own.
RESERVED: Final = ("sort", "cursor", "key", "all")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeclaredList:
    """What a list screen declares, and its pages read; ``ListScreen`` has the documentation."""

    path: str
    title: Text
    permission: str
    query: Compiled[Any, Any]
    columns: Sequence[Column]
    on: str | None = None
    key: str = "id"
    sort: str = "-id"
    filters: Sequence[Filter] = ()
    actions: Sequence[BulkAction] = ()
    links: Sequence[Link] = ()
    group: str | None = None
    icon: str | None = None
    order: int = 100
    count: Count | None = None
    export: str | None = None
    empty: Empty | None = None
    macros: str | None = None
    template: str = "admin/lists/list.html"
    context: Callable[..., Awaitable[Mapping[str, Any]]] | None = None
    enrich: Callable[[Site, list[Any]], Awaitable[Sequence[Any]]] | None = None

    @property
    def sorts(self) -> tuple[str, ...]:
        """The fields by which it can be sorted."""
        return tuple(column.name for column in self.columns if column.sort)

    @property
    def owner(self) -> str:
        """The plugin that registers its permission."""
        return self.permission.partition(".")[0]

    def action(self, name: str) -> BulkAction | None:
        """Return the action of this name."""
        return next((each for each in self.actions if each.name == name), None)
