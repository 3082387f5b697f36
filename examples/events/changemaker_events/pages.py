"""Pages for everybody and for organisers, and what can be downloaded."""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import icalendar
import msgspec

from changemaker_core import Event as Update
from changemaker_core import (
    EventStream,
    Form,
    ImageRejected,
    NotFound,
    PageMetadata,
    Redirect,
    TemplateResponse,
    Text,
    csv_stream,
    endpoint,
)
from changemaker_events import queries, services
from changemaker_events.config import EventsConfig
from changemaker_events.models import Event
from changemaker_events.permissions import WRITE
from changemaker_events.schemas import EventOut, NewEvent, NewSignUp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from changemaker_core import Request, Response, Site, Streamed


class Resource:
    """What all pages have."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def _find(self, slug: str) -> EventOut:
        found = await self._site.db.one(queries.event(slug=slug))
        if found is None:
            raise NotFound
        return found


class PageQuery(msgspec.Struct, frozen=True):
    """``?signed_up=true`` shows the thanks instead of the form."""

    signed_up: bool = False


class EventsPage(Resource):
    """``/events``"""

    @endpoint(public=True, cache=60)
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """List what is on."""
        upcoming = await self._site.db.all(queries.events(since=self._site.clock()))
        return TemplateResponse("events/events.html", {"events": upcoming})


class EventPage(Resource):
    """``/events/{slug}``"""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._links = site.call_hook("events_register_links", site=site)

    @endpoint(public=True, query=PageQuery, cache=60)
    async def on_get(
        self, req: Request, resp: Response, *, slug: str, query: PageQuery
    ) -> TemplateResponse:
        """Show an event, and the form to sign up."""
        return await self._page(slug, signed_up=query.signed_up)

    @endpoint(public=True, form=NewSignUp, rate_limit="30/minute")
    async def on_post(
        self, req: Request, resp: Response, *, slug: str, form: Form[NewSignUp]
    ) -> TemplateResponse | Redirect:
        """Sign up."""
        if form.value is None:
            return await self._page(slug, form, status=422)
        event, sign_up = await self._find(slug), services.sign_up
        try:
            await self._site.db.write(sign_up, event, form.value, req.locale, req.visitor)
        except services.EventFull:
            self._site.metrics.counter("cm_events_full_total").inc()
            return await self._page(slug, form, status=409)
        return Redirect(f"/events/{slug}?signed_up=true")

    async def _page(
        self,
        slug: str,
        form: Form[NewSignUp] | None = None,
        status: int = 200,
        signed_up: bool = False,
    ) -> TemplateResponse:
        event = await self._find(slug)
        links = [each.item for each in self._links]
        context = {"event": event, "form": form, "links": links, "signed_up": signed_up}
        text = event.description or event.place
        metadata = PageMetadata(event.title, text, image=event.poster or None)
        return TemplateResponse("events/event.html", context, status=status, metadata=metadata)


class LivePlaces(Resource):
    """``/events/{slug}/live``"""

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response, *, slug: str) -> EventStream:
        """Send the number of places left, whenever it changes."""
        await self._find(slug)
        return EventStream(self._places(slug))

    async def _places(self, slug: str) -> AsyncIterator[Any]:
        async for _ in self._site.changed(Event, interval=1):
            yield Update(event="places", data={"left": (await self._find(slug)).left})


class FeedQuery(msgspec.Struct, frozen=True):
    """``?key=…`` is the ``feed_key`` of the configuration."""

    key: str = ""


class CalendarFeed(Resource):
    """``/events/calendar.ics``"""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._key = site.config_of(EventsConfig).feed_key

    @endpoint(public=True, query=FeedQuery, cache=300, varies=(), produces="text/calendar")
    async def on_get(self, req: Request, resp: Response, *, query: FeedQuery) -> bytes:
        """Return all events, for calendar programs."""
        key = self._key.reveal() if self._key else ""
        private = bool(key) and hmac.compare_digest(key.encode(), query.key.encode())
        calendar = icalendar.Calendar()
        calendar.add("prodid", "-//changemaker-events//EN")
        calendar.add("version", "2.0")
        async for event in self._site.db.stream(queries.all_events()):
            calendar.add_component(self._entry(event, private))
        return bytes(calendar.to_ical())

    def _entry(self, event: EventOut, private: bool) -> icalendar.Event:
        entry = icalendar.Event()
        entry.add("uid", f"{event.id}@{self._site.config.base_url.partition('//')[2]}")
        count = f" ({event.taken}/{event.capacity})" if private else ""
        entry.add("summary", event.title + count)
        entry.add("location", event.place)
        entry.add("dtstamp", event.starts_at)
        entry.add("dtstart", event.starts_at)
        entry.add("duration", timedelta(hours=2))
        entry.add("url", self._site.url(f"/events/{event.slug}"))
        return entry


class PeopleFile(Resource):
    """``/organise/events/{slug}/people.csv``"""

    @endpoint(permission=WRITE)
    async def on_get(self, req: Request, resp: Response, *, slug: str) -> Streamed:
        """Send the list of people."""
        event = await self._find(slug)
        people = self._site.db.stream(queries.people(event_id=event.id))
        columns = {Text("Name"): "name", Text("Email"): "email", Text("Signed up"): "created_at"}
        return csv_stream(people, columns, download=f"{slug}.csv")


class OrganisersPage(Resource):
    """``/organise/events``"""

    @endpoint(permission=WRITE)
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """Show all events, and the form for a new one."""
        return await self._page()

    @endpoint(
        permission=WRITE,
        form=NewEvent,
        max_body=lambda config: config.largest_poster + 100_000,
    )
    async def on_post(
        self, req: Request, resp: Response, *, form: Form[NewEvent]
    ) -> TemplateResponse | Redirect:
        """Publish an event."""
        new = form.value
        if new is None:
            return await self._page(form, status=422)
        try:
            content = await new.poster.read() if new.poster else b""
            poster = await self._site.images.add("events", content) if content else ""
        except ImageRejected as error:
            form.reject("poster", error.reason)
            return await self._page(form, status=422)
        await self._site.db.write(services.create, req, new, poster)
        return Redirect("/organise/events")

    async def _page(
        self, form: Form[NewEvent] | None = None, status: int = 200
    ) -> TemplateResponse:
        context = {"events": await self._site.db.all(queries.all_events()), "form": form}
        return TemplateResponse("events/organise.html", context, status=status)
