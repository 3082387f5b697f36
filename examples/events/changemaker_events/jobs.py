"""Mails: a confirmation of each sign-up, and a reminder on the day before."""

from __future__ import annotations

from changemaker_core import JobRun, MailTemplate
from changemaker_core.mail import Address
from changemaker_events import mails, queries, services


def confirm(run: JobRun, sign_up: str) -> None:
    """Confirm a sign-up."""
    _mail(run, sign_up, mails.CONFIRMATION)


def remind_one(run: JobRun, sign_up: str) -> None:
    """Remind one person."""
    _mail(run, sign_up, mails.REMINDER)


def remind(run: JobRun) -> None:
    """Enqueue reminders until there is none left to enqueue."""
    while run.write(services.remind):
        pass


def _mail(run: JobRun, sign_up: str, template: MailTemplate) -> None:
    person = run.site.db.sync.one(queries.recipient(sign_up=sign_up))
    if person is None:
        return
    values = {
        "name": person.name,
        "title": person.title,
        "place": person.place,
        "starts_at": person.starts_at,
        "url": run.site.url(f"/events/{person.slug}"),
    }
    to = Address(person.name, person.email)
    run.mail(template.message(run.site, to=to, locale=person.locale, values=values))
