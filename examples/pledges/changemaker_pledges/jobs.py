"""The mail that thanks for a pledge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from changemaker_core import Job, Text
from changemaker_core.mail import Address, Message
from changemaker_pledges import queries

if TYPE_CHECKING:
    from changemaker_core import JobRun, Site
    from changemaker_pledges.schemas import PledgeOut


def thank(run: JobRun, pledge_id: str, locale: str) -> None:
    """Send the mail: handed over at most once, unless a try certainly failed."""
    pledge = run.read(lambda: queries.pledge_by_id(id=pledge_id).one())
    if pledge is not None:
        run.mail(_message(run.site, pledge, locale))


def _message(site: Site, pledge: PledgeOut, locale: str) -> Message:
    def translate(text: Text) -> str:
        return site.translations.translate(text, locale)

    return Message(
        to=Address(pledge.name, pledge.email),
        subject=translate(Text("Thank you for your pledge")),
        text=translate(
            Text("Hello {name},\n\nThank you for your pledge. See you there!", name=pledge.name)
        ),
        automatic=True,
    )


JOBS: Final = [Job("pledges.thank", thank, queue="mail")]
