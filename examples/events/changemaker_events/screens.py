"""What organisers see: the events, who comes to one, and the form for a new one."""

from __future__ import annotations

import changemaker_core as cm
from changemaker_admin.api import Column, Empty, Link, ListScreen, Screen, Search
from changemaker_core import Text
from changemaker_events import pages, queries
from changemaker_events.config import WRITE

NEW = Link(Text("New event"), "/admin/events/new")


async def of_event(req: cm.Request, slug: str) -> dict[str, Text]:
    """Return the title of an event's list. There is no list of an absent event."""
    event = await req.site.db.get(queries.event(slug=slug))
    return {"title": Text("Who comes to {title}", title=event.title)}


EVENTS = ListScreen(
    path="/admin/events",
    title=Text("Events"),
    permission=WRITE,
    group="campaigns",
    icon="clock",
    query=queries.all_events,
    sort="-starts_at",
    columns=[
        Column("title", Text("Title"), link="/events/{slug}"),
        Column("starts_at", Text("Starts at"), "datetime", sort=True),
        Column("taken", Text("Who comes"), "number", link="/admin/events/{slug}/people"),
        Column("capacity", Text("Places"), "number"),
    ],
    links=[NEW],
    export="events",
    empty=Empty(Text("Nothing is planned at the moment."), action=NEW),
)
PEOPLE = ListScreen(
    path="/admin/events/{slug}/people",
    title=Text("Who comes"),
    permission=WRITE,
    query=queries.people,
    sort="id",
    columns=[
        Column("name", Text("Name")),
        Column("email", Text("Email")),
        Column("created_at", Text("Signed up"), "datetime"),
    ],
    filters=[Search(Text("Name"))],
    export="people",
    context=of_event,
)
SCREENS = (EVENTS, PEOPLE, Screen(NEW.path, pages.NewEventPage()))
