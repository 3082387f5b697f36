"""Events: the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import HealthCheck, ImageUse, NavigationEntry, Plugin, Route, Text, hookimpl
from changemaker_events.config import EventsConfig

if TYPE_CHECKING:
    from changemaker_core import Job, Metric, Model, Permission, Role, Site


class EventsPlugin(Plugin):
    """Events with sign-ups."""

    name = "events"
    config = EventsConfig

    @hookimpl
    def cm_register_models(self) -> list[type[Model]]:
        from changemaker_events.models import Event, SignUp

        return [Event, SignUp]

    @hookimpl
    def cm_register_routes(self, site: Site) -> list[Route]:
        from changemaker_events import pages

        return [
            Route("/events", pages.EventsPage(site)),
            Route("/events/calendar.ics", pages.CalendarFeed(site)),
            Route("/events/{slug}", pages.EventPage(site)),
            Route("/events/{slug}/live", pages.LivePlaces(site)),
            Route("/organise/events", pages.OrganisersPage(site)),
            Route("/organise/events/{slug}/people.csv", pages.PeopleFile(site)),
        ]

    @hookimpl
    def cm_register_navigation(self) -> list[NavigationEntry]:
        from changemaker_events.permissions import WRITE

        return [
            NavigationEntry(Text("Events"), "/events"),
            NavigationEntry(Text("Events"), "/organise/events", permission=WRITE),
        ]

    @hookimpl
    def cm_register_jobs(self) -> list[Job]:
        from changemaker_events.jobs import JOBS

        return JOBS

    @hookimpl
    def cm_register_metrics(self) -> list[Metric]:
        from changemaker_events.metrics import METRICS

        return METRICS

    @hookimpl
    def cm_register_permissions(self) -> list[Permission]:
        from changemaker_events.permissions import PERMISSIONS

        return PERMISSIONS

    @hookimpl
    def cm_register_roles(self) -> list[Role]:
        from changemaker_events.permissions import ROLES

        return ROLES

    @hookimpl
    def cm_register_image_uses(self) -> list[ImageUse]:
        from changemaker_events import queries

        return [ImageUse("events.posters", lambda site: site.db.sync.all(queries.posters()))]

    @hookimpl
    def operations_register_health_checks(self) -> list[HealthCheck]:
        from changemaker_events.services import check_reminders

        return [HealthCheck("events.reminders", check_reminders, critical=False)]
