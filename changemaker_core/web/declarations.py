"""What plugins declare about the public pages: the home page, and entries of the menu."""

from __future__ import annotations

from dataclasses import dataclass

from changemaker_core.plugin.contributions import Kind
from changemaker_core.web.addresses import path_problems


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


HOME_PAGES: Kind[HomePage] = Kind(
    "cm_register_home_page", HomePage, problems=lambda page: path_problems(page.path)
)
NAVIGATION: Kind[NavigationEntry] = Kind(
    "cm_register_navigation", NavigationEntry, problems=lambda entry: path_problems(entry.path)
)
