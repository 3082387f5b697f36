"""Mails of templates: to the readers that plugins name, and tests to the person who edits one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from changemaker_core import Job
from changemaker_core.features.accounts.api import account_by_id
from changemaker_core.features.mailtemplates.catalogue import UnknownTemplate, template_of
from changemaker_core.features.mailtemplates.declarations import SEND, Content, check
from changemaker_core.mail import Address, Message

if TYPE_CHECKING:
    from changemaker_core import JobRun

SEND_TEST: Final = "mailtemplates.send_test"


def send(run: JobRun, template: str, id: str, locale: str | None) -> None:
    """Send a template to the reader that its query finds by an id."""
    try:
        found = template_of(run.site, template)
    except UnknownTemplate as error:  # its plugin was removed meanwhile
        run.dead(str(error))
        return
    if found.reader is None:
        run.dead(f"{template} has no reader any more")
        return
    row = run.site.db.sync.one(found.reader(id))
    if row is not None:
        run.mail(found.message_to(run.site, row, locale))


def send_test(run: JobRun, name: str, language: str, subject: str, text: str, user_id: str) -> None:
    """Send a text with samples to the user's own address."""
    site = run.site
    user = site.db.sync.one(account_by_id(user_id))
    if user is None:
        return
    try:
        template = template_of(site, name)
    except UnknownTemplate as error:  # its plugin was removed meanwhile
        run.dead(str(error))
        return
    checked = check(template, Content(subject, text))
    mail = template.render(site, checked, template.samples(site), language)
    to = Address(user.name, user.email)
    run.mail(Message(to=to, subject=mail.subject, text=mail.text, html=mail.html, automatic=True))


JOBS: Final = (Job(SEND, send, queue="mail"), Job(SEND_TEST, send_test, queue="mail"))
