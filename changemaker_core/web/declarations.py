"""What plugins declare about the public pages: the home page, and entries of the menu."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from changemaker_core.plugin.contributions import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class HomePage:
    """A page that ``/`` can lead to: ``HomePage("/petitions")``."""

    path: str


@dataclass(frozen=True, slots=True)
class NavigationEntry:
    """An entry of a menu: ``NavigationEntry(Text("Petitions"), "/petitions")``.

    With ``permission`` it is in the menu of organisers' pages, for those who hold that permission;
    without, in the public menu. Entries with a lower ``order`` come first, equal ones in load order
    of their plugins.
    """

    title: str
    path: str
    order: int = 100
    permission: str | None = None


def _path_problems(item: HomePage | NavigationEntry) -> Iterator[tuple[str, str]]:
    if not item.path.startswith("/") or item.path.startswith("//"):
        yield f"{item.path!r} is not a path of this site.", "Begin it with one /."


HOME_PAGES: Kind[HomePage] = Kind("cm_register_home_page", HomePage, problems=_path_problems)
NAVIGATION: Kind[NavigationEntry] = Kind(
    "cm_register_navigation", NavigationEntry, problems=_path_problems
)
