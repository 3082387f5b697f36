"""The hook that events offers."""

from __future__ import annotations

from changemaker_core import Kind, Site, hookspec, named
from changemaker_events.api import EventLink

LINKS = Kind(
    "events_register_links", EventLink, named("link of events", "."), calls=("address(event)",)
)


@hookspec
def events_register_links(site: Site) -> list[EventLink]:  # type: ignore[empty-body]  # a hookspec has no body
    """Links on the page of each event."""
