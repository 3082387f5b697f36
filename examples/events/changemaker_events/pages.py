"""Pages for everybody, the form for organisers, and the calendar."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator
from datetime import timedelta

import icalendar

import changemaker_core as cm
from changemaker_events import queries, services
from changemaker_events.config import WRITE, EventsConfig
from changemaker_events.models import Event
from changemaker_events.schemas import EventOut, FeedQuery, NewEvent, NewSignUp, PageQuery


class EventsPage:
    """``/events``"""

    @cm.endpoint(public=True, cache=60)
    async def on_get(self, req: cm.Request, resp: cm.Response) -> cm.TemplateResponse:
        """List what is on."""
        upcoming = await req.site.db.all(queries.events(since=req.site.clock()))
        return cm.TemplateResponse("events/events.html", {"events": upcoming})


class EventPage:
    """``/events/{slug}``"""

    @cm.endpoint(public=True, query=PageQuery, cache=60)
    async def on_get(
        self, req: cm.Request, resp: cm.Response, *, slug: str, query: PageQuery
    ) -> cm.TemplateResponse:
        """Show an event, and the form to sign up."""
        return await self._page(req, slug, signed_up=query.signed_up)

    @cm.endpoint(public=True, form=NewSignUp, rate_limit="30/minute")
    async def on_post(
        self, req: cm.Request, resp: cm.Response, *, slug: str, form: cm.Form[NewSignUp]
    ) -> cm.TemplateResponse | cm.Redirect:
        """Sign up."""
        if form.value is not None:
            try:
                await req.site.db.write(services.sign_up, slug, form.value, req.locale, req.visitor)
                return cm.Redirect(f"/events/{slug}?signed_up=true")
            except services.EventFull:
                req.site.metrics.counter("cm_events_full_total").inc()
                form.reject("", cm.Text("Every place is taken."))
        return await self._page(req, slug, form)

    async def _page(
        self,
        req: cm.Request,
        slug: str,
        form: cm.Form[NewSignUp] | None = None,
        signed_up: bool = False,
    ) -> cm.TemplateResponse:
        event = await req.site.db.get(queries.event(slug=slug))
        links = [each.item for each in req.site.call_hook("events_register_links", site=req.site)]
        context = {"event": event, "form": form, "links": links, "signed_up": signed_up}
        text = event.description or event.place
        metadata = cm.PageMetadata(event.title, text, image=event.poster or None)
        return cm.TemplateResponse("events/event.html", context, metadata=metadata)


class LivePlaces:
    """``/events/{slug}/live``"""

    @cm.endpoint(public=True)
    async def on_get(self, req: cm.Request, resp: cm.Response, *, slug: str) -> cm.EventStream:
        """Send the number of places left, whenever it changes."""
        await req.site.db.get(queries.event(slug=slug))  # there is no stream of an absent event
        return cm.EventStream(self._places(req.site, slug))

    async def _places(self, site: cm.Site, slug: str) -> AsyncIterator[cm.Event]:
        async for _ in site.changed(Event, interval=1):
            event = await site.db.get(queries.event(slug=slug))
            yield cm.Event(event="places", data={"left": event.left})


class CalendarFeed:
    """``/events/calendar.ics``"""

    @cm.endpoint(public=True, query=FeedQuery, cache=300, varies=(), produces="text/calendar")
    async def on_get(self, req: cm.Request, resp: cm.Response, *, query: FeedQuery) -> bytes:
        """Return all events, for calendar programs; with the key, how many have signed up."""
        key = req.site.config_of(EventsConfig).feed_key
        private = key is not None and hmac.compare_digest(key.reveal().encode(), query.key.encode())
        calendar = icalendar.Calendar()
        calendar.add("prodid", "-//changemaker-events//EN")
        calendar.add("version", "2.0")
        async for event in req.site.db.stream(queries.all_events()):
            calendar.add_component(self._entry(req.site, event, private))
        return bytes(calendar.to_ical())

    def _entry(self, site: cm.Site, event: EventOut, private: bool) -> icalendar.Event:
        entry = icalendar.Event()
        entry.add("uid", f"{event.id}@{site.config.base_url.partition('//')[2]}")
        count = f" ({event.taken}/{event.capacity})" if private else ""
        entry.add("summary", event.title + count)
        entry.add("location", event.place)
        entry.add("dtstamp", event.starts_at)
        entry.add("dtstart", event.starts_at)
        entry.add("duration", timedelta(hours=2))
        entry.add("url", site.url(f"/events/{event.slug}"))
        return entry


class NewEventPage:
    """``/admin/events/new``"""

    @cm.endpoint(permission=WRITE)
    async def on_get(self, req: cm.Request, resp: cm.Response) -> cm.TemplateResponse:
        """Show the form for a new event."""
        return cm.TemplateResponse("events/new.html", {"form": None})

    @cm.endpoint(
        permission=WRITE,
        form=NewEvent,
        max_body=lambda config: config.largest_poster + 100_000,
    )
    async def on_post(
        self, req: cm.Request, resp: cm.Response, *, form: cm.Form[NewEvent]
    ) -> cm.TemplateResponse | cm.Redirect:
        """Publish an event."""
        if (new := form.value) is not None:
            try:
                poster = await req.site.images.add("events", new.poster) if new.poster else ""
                await req.site.db.write(services.create, req, new, poster)
                return cm.Redirect("/admin/events")
            except cm.ImageRejected as error:
                form.reject("poster", error.reason)
        return cm.TemplateResponse("events/new.html", {"form": form})
