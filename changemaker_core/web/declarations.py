"""What plugins declare about pages: the home page, and entries of the menus."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from changemaker_core.plugin.contributions import Kind
from changemaker_core.text import Text, did_you_mean
from changemaker_core.web.addresses import path_problems

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from changemaker_core.identity import Actor
    from changemaker_core.site import Site

    #: How many things behind an entry wait for a person. ``objects`` are the ids of those that the
    #: reader may see; None stands for all.
    Count = Callable[[Site, Sequence[str] | None], Awaitable[int]]

#: The groups of the organisers' menu in their order, with their headings.
MENU_GROUPS: Final = {
    "campaigns": Text("Campaigns"),
    "people": Text("People"),
    "team": Text("Team"),
    "settings": Text("Settings"),
    "system": Text("System"),
}
_ICONS = Path(__file__).parent / "templates" / "macros" / "icons.html"


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

    The organisers' menu has groups, in the order of ``MENU_GROUPS``: entries without a ``group``
    come first. ``icon`` is a macro of ``macros/icons.html``. ``await count(site, objects)`` returns
    how many things wait there for a person, shown beside the title; ``objects`` is the same as an
    endpoint with ``on="*"`` gets. It is read with compiled queries, and cached.
    """

    title: str
    path: str
    order: int = 100
    permission: str | None = None
    on: Literal["*"] | None = None
    group: str | None = None
    icon: str | None = None
    count: Count | None = None

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
    if entry.permission is None and (entry.group or entry.icon or entry.count):
        problem = f"NavigationEntry({entry.path!r}) is public, and has a group, icon or count."
        yield problem, "Write permission= to put it into the organisers' menu, or leave them out."
    for field, value, known in (
        ("group", entry.group, set(MENU_GROUPS)),
        ("icon", entry.icon, icon_names()),
    ):
        if value is not None and value not in known:
            problem = f"NavigationEntry({entry.path!r}) has {field}={value!r}, which is unknown."
            yield problem, f"Choose one of {', '.join(sorted(known))}.{did_you_mean(value, known)}"


@cache
def icon_names() -> frozenset[str]:
    """Return the names of the icons that core draws."""
    return frozenset(re.findall(r"macro (\w+)\(", _ICONS.read_text())) - {"icon"}


HOME_PAGES: Kind[HomePage] = Kind(
    "cm_register_home_page", HomePage, problems=lambda page: path_problems(page.path)
)
NAVIGATION: Kind[NavigationEntry] = Kind(
    "cm_register_navigation",
    NavigationEntry,
    problems=_problems_of_entry,
    calls=("await count(site, objects)",),
)
