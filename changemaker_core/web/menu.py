"""The organisers' menu, as one person sees it on one page."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from changemaker_core.web.declarations import MENU_GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from changemaker_core.identity import Actor
    from changemaker_core.site import Site
    from changemaker_core.web.declarations import Count, NavigationEntry

log = logging.getLogger(__name__)

#: Seconds after which a count is read again; a write to what it was read from comes first.
_COUNT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class MenuItem:
    """An entry as the menu shows it.

    ``current`` is the value of ``aria-current``: ``page`` on its page, ``true`` on those below, and
    empty elsewhere. ``count`` is how many things wait there.
    """

    title: str
    path: str
    icon: str | None
    current: str
    count: int


@dataclass(frozen=True, slots=True)
class MenuGroup:
    """Entries under one heading, which the first group has not."""

    title: str | None
    items: list[MenuItem]


class Menu:
    """The entries of a site's organisers' menu."""

    def __init__(self, entries: Iterable[NavigationEntry]) -> None:
        self._groups: dict[str | None, list[NavigationEntry]] = {None: []}
        self._groups |= {name: [] for name in MENU_GROUPS}
        for entry in entries:
            self._groups[entry.group].append(entry)

    def groups(self, actor: Actor | None, path: str, counts: Mapping[str, int]) -> list[MenuGroup]:
        """Return what ``actor`` sees on the page at ``path``; ``counts`` are by entry's path."""
        if actor is None:
            return []
        seen = {
            group: [entry for entry in entries if entry.is_for(actor)]
            for group, entries in self._groups.items()
        }
        # Of /admin and /admin/letters, the page of a letter belongs to the longer.
        above = [e.path for each in seen.values() for e in each if is_at_or_below(path, e.path)]
        here = max(above, key=len, default=None)

        def item(entry: NavigationEntry) -> MenuItem:
            current = "" if entry.path != here else "page" if path == here else "true"
            count = counts.get(entry.path, 0)
            return MenuItem(entry.title, entry.path, entry.icon, current, count)

        return [
            MenuGroup(MENU_GROUPS[group] if group else None, [item(each) for each in entries])
            for group, entries in seen.items()
            if entries
        ]


async def menu_counts(site: Site, actor: Actor) -> dict[str, int]:
    """Return how many things wait behind the entries that ``actor`` sees, by path.

    An entry whose count cannot be read has none: the failure is logged, and the page is shown.
    """
    found = {}
    for entry in site.navigation:
        if entry.count is not None and entry.permission and entry.is_for(actor):
            objects = actor.objects(entry.permission)
            try:
                found[entry.path] = await _cached(site, entry, entry.count, objects)
            except Exception:
                log.exception("The count beside %s in the menu cannot be read", entry.path)
    return found


async def _cached(
    site: Site, entry: NavigationEntry, count: Count, objects: list[str] | None
) -> int:
    key = ("core.menu", entry.path, None if objects is None else tuple(objects))
    number: int = await site.cache.get_or_make(
        key, lambda: count(site, objects), seconds=_COUNT_SECONDS, type=int
    )
    return number


def is_at_or_below(path: str, page: str) -> bool:
    """Return whether ``path`` is that of a page or of one below it."""
    return path == page or path.startswith(f"{page.rstrip('/')}/")
