"""Events: the manifest."""

from __future__ import annotations

import changemaker_core as cm
from changemaker_events import jobs, mails, pages, personal, queries, screens, services, webhooks
from changemaker_events.config import WRITE, EventsConfig
from changemaker_events.models import Event, SignUp


class EventsPlugin(cm.Plugin):
    """Events with sign-ups."""

    name = "events"
    requires = ("admin",)
    config = EventsConfig
    contributes = (
        Event,
        SignUp,
        cm.Permission(WRITE, cm.Text("Publish events, and see who comes")),
        cm.Role("EVENTS_ORGANISER", cm.Text("Organises events"), frozenset({WRITE})),
        cm.Route("/events", pages.EventsPage()),
        cm.Route("/events/calendar.ics", pages.CalendarFeed()),
        cm.Route("/events/{slug}", pages.EventPage()),
        cm.Route("/events/{slug}/live", pages.LivePlaces()),
        *screens.SCREENS,
        cm.NavigationEntry(cm.Text("Events"), "/events"),
        mails.CONFIRMATION,
        mails.REMINDER,
        webhooks.PUBLISHED,
        webhooks.SIGNED_UP,
        cm.Job("events.remind", jobs.remind, schedule=cm.Cron("0 9-20 * * *")),
        personal.SIGN_UPS,
        cm.Metric("cm_events_full_total", "Sign-ups that found no place left"),
        cm.Metric("cm_events_sign_ups", "People signed up", "gauge", read=queries.count_sign_ups),
        cm.ImageUse("events.posters", lambda site: site.db.sync.all(queries.posters())),
        cm.HealthCheck("events.reminders", services.check_reminders, critical=False),
    )
