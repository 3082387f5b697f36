"""What plugins declare about the public pages: the home page, and entries of the menu."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from changemaker_core.plugin.contributions import Kind
from changemaker_core.web.addresses import path_problems

if TYPE_CHECKING:
    from collections.abc import Iterable

    from changemaker_core.identity import Actor


@dataclass(frozen=True, slots=True)
class HomePage:
    """A page that ``/`` can lead to: ``HomePage("/petitions")``."""

    path: str


@dataclass(frozen=True, slots=True)
class NavigationEntry:
    """An entry of a menu: ``NavigationEntry(Text("Petitions"), "/petitions")``.

    With ``permission`` it is in the menu of organisers' pages, for those who hold that permission;
    with ``on="*"``, as its page declares it, also for those who hold it for some objects alone.
    Without, it is in the public menu. Entries with a lower ``order`` come first, equal ones in load
    order of their plugins.
    """

    title: str
    path: str
    order: int = 100
    permission: str | None = None
    on: Literal["*"] | None = None

    def is_for(self, actor: Actor) -> bool:
        """Return whether the entry is in the menu of organisers' pages for ``actor``."""
        if self.permission is None:
            return False
        if self.on is None:
            return actor.has_permission(self.permission)
        return actor.objects(self.permission) != []


def _problems_of_entry(entry: NavigationEntry) -> Iterable[tuple[str, str]]:
    yield from path_problems(entry.path)
    if entry.on not in (None, "*") or (entry.on and entry.permission is None):
        problem = f"NavigationEntry({entry.path!r}) has on={entry.on!r}."
        yield problem, 'Write on="*" beside permission=, or leave it out.'


HOME_PAGES: Kind[HomePage] = Kind(
    "cm_register_home_page", HomePage, problems=lambda page: path_problems(page.path)
)
NAVIGATION: Kind[NavigationEntry] = Kind(
    "cm_register_navigation", NavigationEntry, problems=_problems_of_entry
)
