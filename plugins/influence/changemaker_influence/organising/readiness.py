"""What a campaign needs before it is published, and what would be good to have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from changemaker_core import Text, is_blank
from changemaker_influence.campaigns.queries import custom_recipients

if TYPE_CHECKING:
    from changemaker_core import Site
    from changemaker_influence.campaigns.schemas import CampaignOut

#: How a state of a point is shown, and its word.
STATES: Final = {
    "done": ("ok", Text("Done")),
    "missing": ("danger", Text("Missing")),
    "advice": ("warn", Text("Recommended")),
}


@dataclass(frozen=True, slots=True)
class Point:
    """One thing to look at: ``field`` is where it is changed, in the form or another page."""

    name: str
    state: Literal["done", "missing", "advice"]
    detail: Text
    field: str = ""
    path: str = ""

    @property
    def badge(self) -> tuple[str, Text]:
        """The colour and the word of its state."""
        return STATES[self.state]


async def points_of(site: Site, campaign: CampaignOut) -> list[Point]:
    """Return the checklist of a campaign, in the order in which people go through it."""
    added = 0
    if campaign.allow_custom_recipients:
        added = len(await site.db.all(custom_recipients(campaign_id=campaign.id)))
    return [
        _written(Text("Subject"), campaign.email_subject, "email_subject"),
        _written(Text("Letter"), campaign.email_body, "email_body"),
        _recipients(campaign, added),
        _dates(site, campaign),
        _description(campaign),
        _ways(campaign),
        _mail(site, campaign),
    ]


def missing(points: list[Point]) -> list[Point]:
    """Return the points without which a campaign is not published."""
    return [point for point in points if point.state == "missing"]


def _written(name: Text, text: str, field: str) -> Point:
    if is_blank(text):
        return Point(name, "missing", Text("It is not written yet."), field)
    return Point(name, "done", Text("It is written."), field)


def _recipients(campaign: CampaignOut, added: int) -> Point:
    name, field = Text("Who receives it"), "target_government_levels"
    if campaign.target_government_levels and (added or not campaign.allow_custom_recipients):
        return Point(name, "done", Text("Supporters find who they can write to."), field)
    if campaign.target_government_levels:
        detail = Text("You allow people of your own, and have named none of them yet.")
        return Point(name, "advice", detail, path="/recipients")
    if added:
        return Point(name, "done", Text("Supporters write to the people you named."), field)
    if campaign.allow_custom_recipients:
        detail = Text("Name the people who receive it, or choose representatives.")
        return Point(name, "missing", detail, path="/recipients")
    detail = Text("Choose representatives, or allow people of your own.")
    return Point(name, "missing", detail, field)


def _dates(site: Site, campaign: CampaignOut) -> Point:
    now, name = site.clock(), Text("Dates")
    if campaign.ends_at is not None and campaign.ends_at <= now:
        return Point(name, "missing", Text("The end has passed. Choose another."), "ends_at")
    if campaign.starts_at is not None and campaign.starts_at > now:
        return Point(name, "done", Text("It opens by itself at its start."), "starts_at")
    return Point(name, "done", Text("It opens at once."), "starts_at")


def _description(campaign: CampaignOut) -> Point:
    name, field = Text("Why it matters"), "description"
    if is_blank(campaign.description):
        detail = Text("Without it, the page shows only the title and the letter.")
        return Point(name, "advice", detail, field)
    return Point(name, "done", Text("It is written."), field)


def _ways(campaign: CampaignOut) -> Point:
    name, field = Text("How letters leave"), "allow_smtp_email"
    if campaign.allow_smtp_email:
        return Point(name, "done", Text("The site sends them."), field)
    if campaign.allow_mailto_link:
        detail = Text("Only through the supporters’ own email apps: they are not counted.")
        return Point(name, "advice", detail, field)
    detail = Text("Allow sending from this site, or the supporters’ own email apps.")
    return Point(name, "missing", detail, field)


def _mail(site: Site, campaign: CampaignOut) -> Point:
    name = Text("Mail")
    if campaign.allow_smtp_email and site.mail_settings.server is None:
        detail = Text("No mail server is set: letters are saved to a folder, and reach no one.")
        return Point(name, "advice", detail, path="/admin/settings/mail")
    return Point(name, "done", Text("A mail server is set. Send yourself a test."), path="/preview")
