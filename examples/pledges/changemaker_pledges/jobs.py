"""The mail that thanks for a pledge. Organisers can change its text."""

from __future__ import annotations

from changemaker_core import JobRun, MailTemplate, MailVariable, Text
from changemaker_core.mail import Address
from changemaker_pledges import queries

THANKS = MailTemplate(
    "pledges.thanks",
    category=Text("Pledges"),
    title=Text("Thanks for a pledge"),
    description=Text("Sent to everyone who pledges, once."),
    subject=Text("Thank you for your pledge"),
    text=Text("Hello {{ name }},\n\nThank you for your pledge. See you there!"),
    variables=(MailVariable("name", Text("The name of the person who pledged"), "Ada"),),
)


def thank(run: JobRun, pledge_id: str, locale: str) -> None:
    """Send the mail: handed over at most once, unless a try certainly failed."""
    pledge = run.site.db.sync.one(queries.pledge_by_id(id=pledge_id))
    if pledge is None:
        return
    to = Address(pledge.name, pledge.email)
    run.mail(THANKS.message(run.site, to=to, locale=locale, values={"name": pledge.name}))
