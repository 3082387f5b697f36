"""``ListScreen``: a list, declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from changemaker_admin.bulk.preview import action_page
from changemaker_admin.declarations import AdminScreen, entry_of
from changemaker_admin.lists.checks import problems_of
from changemaker_admin.lists.declarations import DeclaredList
from changemaker_admin.lists.pages import export_file, list_page
from changemaker_core import Route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core import NavigationEntry


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ListScreen(DeclaredList, AdminScreen):
    """A list of organisers' pages, declared: return it from ``admin_register_screens``.

    ``query`` is a compiled query without an order or limit of its own; it takes the filters by
    name, the parameters of ``path`` (``/admin/events/{id}/people``), and with ``on="*"``
    ``objects``: the ids of the objects for which the visitor holds ``permission``, None for all.
    Each of its rows is a Struct with the unique field ``key``. ``sort`` is what the list is sorted
    by at first: a column with ``sort=True`` or the key; ``-`` reverses it.

    ``group``, ``icon``, ``order`` and ``count`` are those of its entry in the menu, as a ``Screen``
    has them. ``links`` stand beside the heading. ``export`` is what the rows are called in the
    file's name and in the audit log: ``letters``. ``macros`` is a template of the plugin with a
    macro ``name(row)`` for each column that it draws itself. ``context(req, **params)`` is an async
    function that returns further names for ``template`` (which extends ``admin/lists/list.html``);
    ``title`` among them replaces the title. It raises ``NotFound`` where what ``path`` names does
    not exist. ``await enrich(site, rows)`` returns what is shown in place of the rows of a page, in
    their order: for what no query can join.
    """

    def routes(self) -> list[Route]:
        """Return the routes of its page, its actions and its files."""
        routes = [Route(self.path, list_page(self))]
        for action in self.actions:
            routes.append(Route(f"{self.path}/actions/{action.name}", action_page(self, action)))
        if self.export is not None:
            for kind in ("csv", "xlsx"):
                routes.append(Route(f"{self.path}/export.{kind}", export_file(self, kind)))
        return routes

    def entries(self) -> list[NavigationEntry]:
        """Return its entry of the menu, where it has one."""
        page = getattr(list_page(self), "on_get", None)
        return [] if self.group is None else [entry_of(self, page, self.title)]

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with it."""
        yield from AdminScreen.problems(self)
        yield from problems_of(self)
