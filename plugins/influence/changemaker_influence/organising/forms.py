"""The form of a campaign: its fields, their labels, and what is saved of it."""

from __future__ import annotations

from datetime import datetime  # Structs read it when they run
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta

from changemaker_core import Form, MultiLine, SingleLine, Text, Upload, begin_edit, slugify
from changemaker_influence.campaigns import schemas
from changemaker_influence.campaigns.schemas import CampaignChange
from changemaker_influence.directories.levels import Level

if TYPE_CHECKING:
    from collections.abc import Mapping

    from changemaker_core import Invalid
    from changemaker_influence.campaigns.schemas import CampaignOut

LEVEL_NAMES: Final[Mapping[Level, Text]] = {
    "FEDERAL": Text("Federal"),
    "PROVINCIAL": Text("Provincial"),
    "MUNICIPAL": Text("Municipal"),
    "SCHOOL_BOARD": Text("School board"),
}
#: In their own language, as the switch of public pages has them.
LANGUAGE_NAMES: Final = {"en": "English", "fr": "Français"}
LABELS: Final[Mapping[str, Text]] = {
    "title": Text("Title"),
    "language": Text("Language"),
    "description": Text("Why it matters"),
    "call_to_action": Text("Call to action"),
    "cover_photo": Text("Photo"),
    "cover_photo_alt": Text("What the photo shows"),
    "email_subject": Text("Subject"),
    "email_body": Text("Letter"),
    "allow_email_editing": Text("Supporters may change the letter"),
    "target_government_levels": Text("Representatives"),
    "allow_custom_recipients": Text("People of your own"),
    "starts_at": Text("Start"),
    "ends_at": Text("End"),
    "allow_smtp_email": Text("Send letters from this site"),
    "allow_mailto_link": Text("Offer the supporter’s own email app"),
    "show_email_count": Text("Show how many letters were sent"),
    "slug": Text("Address of the page"),
}
#: Words for values, where two people have chosen different ones.
_YES: Final = {"on": Text("Yes"), "": Text("No")}
CHOICES: Final[Mapping[str, Mapping[str, str]]] = {
    "language": LANGUAGE_NAMES,
    "target_government_levels": {str(level): name for level, name in LEVEL_NAMES.items()},
    **{name: _YES for name in LABELS if name.startswith(("allow_", "show_"))},
}


class NewCampaignForm(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign begins with: the rest is written step by step."""

    title: schemas.Title
    language: schemas.Language = "en"
    target_government_levels: list[Level] = msgspec.field(default_factory=list)


class CampaignForm(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign is: its texts, letter, recipients, dates and address.

    ``photo`` is a new file, which takes the place of ``cover_photo``. A draft may have no letter.
    """

    title: schemas.Title
    language: schemas.Language = "en"
    description: Annotated[MultiLine, Meta(max_length=20_000)] = ""
    call_to_action: Annotated[SingleLine, Meta(max_length=500)] = ""
    cover_photo: schemas.Picture = ""
    cover_photo_alt: Annotated[SingleLine, Meta(max_length=300)] = ""
    email_subject: Annotated[SingleLine, Meta(max_length=200)] = ""
    email_body: Annotated[MultiLine, Meta(max_length=20_000)] = ""
    allow_email_editing: bool = False
    target_government_levels: list[Level] = msgspec.field(default_factory=list)
    allow_custom_recipients: bool = False
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    allow_smtp_email: bool = False
    allow_mailto_link: bool = False
    show_email_count: bool = False
    slug: Annotated[SingleLine, Meta(max_length=200)] = ""
    photo: Upload | None = None
    remove_photo: bool = False
    version: str = ""
    seen: str = ""


class VersionForm(msgspec.Struct, frozen=True, kw_only=True):
    """A button on a page about one version of a campaign."""

    version: str = ""


def form_of(campaign: CampaignOut, zone: str) -> Form[CampaignForm]:
    """Return the form of a campaign as it is stored."""
    values = {name: getattr(campaign, name) for name in LABELS}
    form: Form[CampaignForm] = Form.of(CampaignForm(**values), zone=zone)
    begin_edit(form, campaign.version)
    return form


def change_of(value: CampaignForm) -> CampaignChange:
    """Return what a sent form changes."""
    fields: dict[str, Any] = {name: getattr(value, name) for name in LABELS}
    fields["slug"] = slugify(value.slug, "", longest=80) or UNSET
    if value.remove_photo and value.photo is None:
        fields |= {"cover_photo": "", "cover_photo_alt": ""}
    return CampaignChange(**fields, version=version_of(value.version))


def version_of(sent: str) -> int:
    """Return the version that a form edits; one that no campaign has, where it names none."""
    return int(sent) if sent.isascii() and sent.isdigit() and len(sent) < 10 else 0


def show_errors(form: Form[Any], invalid: Invalid) -> None:
    """Show what a service found wrong, each at its field."""
    for error in invalid.errors:
        form.reject(error.field, error.message)
