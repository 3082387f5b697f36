"""Events, on each database that is available."""

from __future__ import annotations

import asyncio
import io
import re
from datetime import timedelta

import icalendar
import pytest
from PIL import Image

from changemaker_admin.plugin import AdminPlugin
from changemaker_core import Person, Plugin, Text, hookimpl
from changemaker_core.mail import canonical_email
from changemaker_core.testing import (
    Clock,
    WebhookInbox,
    as_role,
    check_mail_templates,
    check_migrations,
    check_personal_data,
    client_of,
    run_jobs,
    sent_mail,
    source_problems,
)
from changemaker_events import personal, queries, services, webhooks
from changemaker_events.models import Event
from changemaker_events.plugin import EventsPlugin

PICNIC = {"title": "=Picnic, été", "place": "Park", "capacity": "2", "description": "Bring bread."}
FRENCH = {"Accept-Language": "fr-CA"}


class MapsPlugin(Plugin):
    """A plugin that adds to events."""

    name = "maps"
    after = ("events",)

    @hookimpl
    def events_register_links(self):
        from changemaker_events.api import EventLink

        return [EventLink("maps.map", Text("Map"), lambda event: f"/maps?q={event.place}")]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def app(open_app, clock):
    tables = {"events": {"feed_key": "a long secret of the feed"}}
    async with open_app(
        AdminPlugin, EventsPlugin, MapsPlugin, clock=clock, plugin_tables=tables
    ) as opened:
        yield opened


@pytest.fixture
async def visitor(app):
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def organiser(app):
    async with as_role(app, "EVENTS_ORGANISER") as client:
        yield client


@pytest.fixture
async def picnic(organiser, clock):
    """The address of an event in three days, with two places and a poster."""
    response = await publish(organiser, clock, poster=("p.png", picture(), "image/png"))
    assert response.status_code == 303, response.text
    page = (await organiser.get("/admin/events")).text
    assert "The event is published." in page
    return re.search(r'href="(/events/picnic[^"]+)"', page)[1]


def picture():
    content = io.BytesIO()
    Image.new("RGB", (640, 480), "green").save(content, "PNG")
    return content.getvalue()


async def publish(organiser, clock, starts_at=None, **files):
    starts_at = starts_at or f"{clock() + timedelta(days=3):%Y-%m-%dT%H:%M}"
    fields = {**PICNIC, "starts_at": starts_at}
    return await organiser.submit("/admin/events/new", fields, files=files)


async def sign_up(client, address, name="Ada", **options):
    data = {"name": name, "email": f"{name}@example.org".lower()}
    return await client.post(address, data=data, **options)


def test_templates_and_catalogues_are_sound(make_site):
    assert source_problems(make_site(AdminPlugin, EventsPlugin)) == []


@pytest.mark.database("sqlite")
def test_the_mail_templates_are_sound(make_site):
    check_mail_templates(make_site(AdminPlugin, EventsPlugin))


def test_the_migrations_make_what_the_models_are(make_site):
    check_migrations(make_site(AdminPlugin, EventsPlugin))


async def test_a_person_is_exported_and_erased_and_their_place_is_free(app, visitor, picnic):
    """The addresses are one, however they are typed, and nobody else's sign-up is touched."""
    for email in ("zoé@example.org", "noe@example.org"):
        await visitor.post(picnic, data={"name": "Zoé", "email": email})
    person = Person((canonical_email("ZOE\u0301@example.org"),))
    read, write = app.site.db.read, app.site.db.write
    rows = await read(lambda: list(personal.SIGN_UPS.export(person)))
    assert [each["email"] for each in rows] == ["zoé@example.org"]
    assert await write(personal.SIGN_UPS.erase, person) == 1
    assert await write(personal.SIGN_UPS.erase, person) == 0
    assert await read(lambda: [each.taken for each in Event.select()]) == [1]
    await run_jobs(app.site)
    assert [mail.to.partition("<")[2] for mail in sent_mail(app.site)] == ["noe@example.org>"]


def test_personal_data_is_declared(make_site):
    check_personal_data(make_site(AdminPlugin, EventsPlugin))


async def test_a_sign_up_is_confirmed_once_and_reminded_once(app, visitor, picnic, clock):
    for _ in range(2):
        response = await sign_up(visitor, picnic, headers=FRENCH)
        assert (response.status_code, response.headers["Location"]) == (
            303,
            f"{picnic}?signed_up=true",
        )
    assert "Merci!" in (await visitor.get(response.headers["Location"], headers=FRENCH)).text
    await run_jobs(app.site)
    (mail,) = sent_mail(app.site)
    assert mail.to == "Ada <ada@example.org>"
    assert mail.subject == "Votre inscription\N{NO-BREAK SPACE}: =Picnic, été"
    for _ in range(2):
        clock.forward(hours=25)
        await run_jobs(app.site)
    reminder, _ = sent_mail(app.site)  # the last one first
    assert reminder.subject == "Rappel\N{NO-BREAK SPACE}: =Picnic, été"


async def test_other_programs_are_notified(app, visitor, organiser, clock):
    events = (webhooks.PUBLISHED, webhooks.SIGNED_UP)
    inbox = await asyncio.to_thread(WebhookInbox, app.site, *events)
    await publish(organiser, clock)
    (picnic,) = await app.site.db.all(queries.events(since=clock()))
    for _ in range(2):
        await sign_up(visitor, f"/events/{picnic.slug}")
    published, signed_up = await asyncio.to_thread(inbox.take)
    assert published.name == "events.event.published" and published.data["title"] == "=Picnic, été"
    event = {name: published.data[name] for name in ("event_id", "slug")}
    assert signed_up == ("events.person.signed_up", event)


async def test_no_more_people_sign_up_than_there_are_places(app, visitor, picnic):
    responses = await asyncio.gather(*[sign_up(visitor, picnic, f"Ada{n}") for n in range(5)])
    assert sorted(each.status_code for each in responses) == [303, 303, 422, 422, 422]
    assert "Every place is taken." in (await visitor.get(picnic)).text
    metrics = (await visitor.get("/api/metrics")).text
    assert "\ncm_events_sign_ups 2.0\n" in metrics
    assert "\ncm_events_full_total 3.0\n" in metrics


async def test_what_is_wrong_is_said_in_the_visitors_language(visitor, picnic):
    response = await visitor.post(picnic, data={"name": "Ada"}, headers=FRENCH)
    assert response.status_code == 422
    assert "Votre adresse courriel" in response.text


async def test_the_pages_show_the_event(visitor, picnic):
    assert "=Picnic, été" in (await visitor.get("/events")).text
    page = (await visitor.get(picnic)).text
    assert 'property="og:image"' in page
    assert "/maps?q=Park" in page
    assert 'alt="Poster: =Picnic, été"' in page
    poster = await visitor.get(re.search(r'src="(/images/events/[^"]+)"', page)[1])
    assert poster.headers["Content-Type"] == "image/jpeg"
    assert (await visitor.get("/events/none")).status_code == 404


async def test_places_left_are_live(app, visitor, picnic):
    sent = asyncio.Queue()

    async def watched(scope, receive, send):
        async def note(message):
            sent.put_nowait(message.get("body", b""))
            await send(message)

        await app(scope, receive, note)

    async def until(text):
        while text not in await sent.get():
            pass

    async with client_of(watched) as follower, asyncio.timeout(60):
        following = asyncio.create_task(follower.get(f"{picnic}/live"))
        await until(b'data: {"left":2}')
        await sign_up(visitor, picnic)
        await until(b'data: {"left":1}')
        following.cancel()


async def test_only_organisers_publish_and_see_people(app, visitor, picnic, organiser, clock):
    people = f"/admin{picnic}/people/export.csv"
    assert (await visitor.get(people)).status_code == 303  # to the sign-in page
    async with as_role(app, "USER") as user:
        assert (await user.get(people)).status_code == 403
    await sign_up(visitor, picnic, "=Ada")
    shown = (await organiser.get(f"/admin{picnic}/people?q=ada")).text
    assert "Who comes to =Picnic, été" in shown and "=ada@example.org" in shown
    assert (await organiser.get("/admin/events/none/people")).status_code == 404
    file = await organiser.get(people)
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert file.text.splitlines()[1].startswith("'=Ada,'=ada@example.org,")
    async with as_role(app, "SUPER_ADMIN") as admin:
        log = await admin.get("/api/audit-log", params={"action": "events.event.created"})
    assert [each["label"] for each in log.json()["data"]] == [PICNIC["title"]]
    wrong = await publish(organiser, clock, poster=("p.png", b"<svg>", "image/png"))
    assert wrong.status_code == 422
    assert "poster-error" in wrong.text


async def test_the_feed_has_counts_for_those_who_know_the_key(visitor, picnic):
    await sign_up(visitor, picnic)
    for key, summary in (("", "=Picnic, été"), ("a long secret of the feed", "=Picnic, été (1/2)")):
        response = await visitor.get("/events/calendar.ics", params={"key": key})
        assert response.headers["Content-Type"].startswith("text/calendar")
        (entry,) = icalendar.Calendar.from_ical(response.content).walk("VEVENT")
        assert str(entry["SUMMARY"]) == summary


async def test_an_event_at_the_end_of_time_spoils_no_calendar(visitor, organiser, clock):
    poster = ("p.png", picture(), "image/png")
    response = await publish(organiser, clock, "9999-12-31T23:59", poster=poster)
    assert response.status_code == 303, response.text
    response = await visitor.get("/events/calendar.ics")
    assert len(icalendar.Calendar.from_ical(response.content).walk("VEVENT")) == 1


async def test_every_event_is_listed_the_last_one_first(app, visitor, organiser, picnic, clock):
    def publish_more(tx):
        at = {"starts_at": clock() - timedelta(days=1), "created_at": clock()}
        rows = [(f"old-{n}", f"Old {n}", "Park", 1, *at.values()) for n in range(300)]
        tx.insert_rows(Event, ["slug", "title", "place", "capacity", *at], rows)

    app.site.db.sync.write(publish_more)
    page = (await organiser.get("/admin/events")).text
    assert page.index("Picnic") < page.index("Old 299") and "301 entries" in page
    calendar = icalendar.Calendar.from_ical((await visitor.get("/events/calendar.ics")).content)
    assert len(calendar.walk("VEVENT")) == 301


async def test_the_confirmation_of_a_late_sign_up_is_its_reminder(app, visitor, picnic, clock):
    clock.forward(hours=50)
    await sign_up(visitor, picnic)
    clock.forward(hours=15)
    await services.check_reminders(app.site)
    await run_jobs(app.site)
    assert len(sent_mail(app.site)) == 1


async def test_late_reminders_are_a_warning(app, visitor, picnic, clock):
    await sign_up(visitor, picnic)
    assert len(app.site.db.sync.all(queries.posters())) == 1
    checks = (await visitor.get("/api/health")).json()["checks"]
    assert {each["name"]: each["status"] for each in checks}["events.reminders"] == "ok"
    clock.forward(hours=61)  # reminders rest at night
    await services.check_reminders(app.site)
    clock.forward(hours=4)
    with pytest.raises(RuntimeError, match="1 reminders are late"):
        await services.check_reminders(app.site)
