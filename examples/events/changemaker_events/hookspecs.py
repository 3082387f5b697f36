"""The hook that events offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import Kind, hookspec, named
from changemaker_events.api import EventLink

if TYPE_CHECKING:
    from changemaker_core import Site

LINKS = Kind("events_register_links", EventLink, named("link of events", "."))


class EventsHooks:
    """Hooks for plugins that add to events."""

    @hookspec
    def events_register_links(self, site: Site) -> list[EventLink]:  # type: ignore[empty-body]  # a hookspec has no body
        """Links on the page of each event."""
