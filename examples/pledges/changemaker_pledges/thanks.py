"""Thanking those who have pledged, by mail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from changemaker_core import Job, Text
from changemaker_core.mail import Address, DeliveryUnknown, Message, Refused
from changemaker_pledges import queries

if TYPE_CHECKING:
    from changemaker_core import JobRun, Site
    from changemaker_pledges.schemas import PledgeOut


def thank(run: JobRun, pledge_id: str, locale: str) -> None:
    """Hands the mail over at most once, unless a try has certainly failed."""
    pledge = run.read(lambda: queries.pledge_by_id(id=pledge_id).one())
    if pledge is None:
        return
    try:
        with run.site.mail.session() as session:
            session.send_envelope(_message(run.site, pledge, locale))
            run.at_risk()
            session.send_data()
    except Refused as refused:
        settle = run.retry if refused.temporary else run.dead
        settle(f"refused: {refused.code}")
    except DeliveryUnknown:
        run.unknown("the mail server did not answer")


def _message(site: Site, pledge: PledgeOut, locale: str) -> Message:
    def said(text: Text) -> str:
        return site.translations.translate(text, locale)

    return Message(
        to=Address(pledge.name, pledge.email),
        subject=said(Text("Thank you for your pledge")),
        text=said(Text("Hello {name},\n\nwe count on you. See you there!", name=pledge.name)),
        automatic=True,
    )


JOBS: Final = [Job("pledges.thank", thank, queue="mail")]
