"""Mails: a confirmation of each sign-up, and a reminder on the day before."""

from __future__ import annotations

from changemaker_core import JobRun, Text
from changemaker_core.mail import Address, Message
from changemaker_events import queries, services


def confirm(run: JobRun, sign_up: str) -> None:
    """Confirm a sign-up."""
    text = Text("Hello {name},\n\nsee you there!\n{url}")
    _mail(run, sign_up, Text("You have signed up: {title}"), text)


def remind_one(run: JobRun, sign_up: str) -> None:
    """Remind one person."""
    _mail(run, sign_up, Text("Reminder: {title}"), Text("Hello {name},\n\nthis is soon.\n{url}"))


def remind(run: JobRun) -> None:
    """Enqueue reminders until there is none left to enqueue."""
    while run.write(services.remind):
        pass


def _mail(run: JobRun, sign_up: str, subject: Text, text: Text) -> None:
    person = run.site.db.sync.one(queries.recipient(sign_up=sign_up))
    if person is None:
        return
    url = run.site.url(f"/events/{person.slug}")
    values = {"name": person.name, "title": person.title, "url": url}
    subject, text = Text(subject.message, **values), Text(text.message, **values)
    to = Address(person.name, person.email)
    run.mail(Message(to=to, subject=subject, text=text, locale=person.locale, automatic=True))
