"""The mail that thanks for a pledge."""

from __future__ import annotations

from changemaker_core import JobRun, Text
from changemaker_core.mail import Address, Message
from changemaker_pledges import queries


def thank(run: JobRun, pledge_id: str, locale: str) -> None:
    """Send the mail: handed over at most once, unless a try certainly failed."""
    pledge = run.site.db.sync.one(queries.pledge_by_id(id=pledge_id))
    if pledge is None:
        return
    run.mail(
        Message(
            to=Address(pledge.name, pledge.email),
            subject=Text("Thank you for your pledge"),
            text=Text(
                "Hello {name},\n\nThank you for your pledge. See you there!", name=pledge.name
            ),
            locale=locale,
            automatic=True,
        )
    )
