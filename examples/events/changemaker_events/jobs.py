"""Mails: a confirmation of each sign-up, and a reminder on the day before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from changemaker_core import Cron, Job, Text
from changemaker_core.mail import Address, Message
from changemaker_events import queries, services

if TYPE_CHECKING:
    from changemaker_core import JobRun


def confirm(run: JobRun, sign_up: str) -> None:
    """Confirm a sign-up."""
    _mail(run, sign_up, "You have signed up: {title}", "Hello {name},\n\nsee you there!\n{url}")


def remind_one(run: JobRun, sign_up: str) -> None:
    """Remind one person."""
    _mail(run, sign_up, "Reminder: {title}", "Hello {name},\n\nthis is soon.\n{url}")


def remind(run: JobRun) -> None:
    """Enqueue reminders until there is none left to enqueue."""
    while run.write(services.remind):
        pass


def _mail(run: JobRun, sign_up: str, subject: str, text: str) -> None:
    person = run.read(lambda: queries.person(id=sign_up).one())
    event = run.read(lambda: queries.event_of(sign_up=sign_up).one())
    if person is None or event is None:
        return
    site = run.site
    values = {"name": person.name, "title": event.title}
    values["url"] = site.url(f"/events/{event.slug}")
    translated = [
        site.translations.translate(Text(each, **values), person.locale) for each in (subject, text)
    ]
    to = Address(person.name, person.email)
    run.mail(Message(to=to, subject=translated[0], text=translated[1], automatic=True))


JOBS: Final = [
    Job("events.confirm", confirm, queue="mail"),
    Job("events.remind_one", remind_one, queue="mail"),
    Job("events.remind", remind, schedule=Cron("0 9-20 * * *")),
]
