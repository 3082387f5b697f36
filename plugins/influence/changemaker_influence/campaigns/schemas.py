"""Requests and responses of the API about campaigns."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from changemaker_core import Body, CursorQuery, Email, MultiLine, SingleLine, Text
from changemaker_influence.directories.levels import Level
from changemaker_influence.states import CampaignStatus

Language = Literal["en", "fr"]
Title = Annotated[SingleLine, Meta(min_length=1, max_length=200)]
Subject = Annotated[SingleLine, Meta(min_length=1, max_length=200)]
MessageBody = Annotated[MultiLine, Meta(min_length=1, max_length=20_000)]
_Prose = Annotated[MultiLine, Meta(max_length=20_000)]
_Call = Annotated[SingleLine, Meta(max_length=500)]
#: A path of this site, or an address with TLS; never ``//elsewhere`` and never a script.
Picture = Annotated[
    str,
    Meta(
        max_length=500,
        pattern=r"^(?:(?:/(?![/\\])|https://)[^\s\x00-\x1f\x7f]*)?(?![\s\S])",
        extra={"message": Text("Enter a path such as /images/park.jpg, or an https:// address.")},
    ),
]
PictureText = Annotated[SingleLine, Meta(max_length=300)]
#: The end of the address of a campaign's page.
Slug = Annotated[
    str,
    Meta(
        max_length=80,
        pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*(?![\s\S])",
        extra={"message": Text("Use small letters, digits and hyphens, such as clean-water.")},
    ),
]
_Levels = Annotated[list[Level], Meta(max_length=4)]
_Time = Annotated[datetime, Meta(tz=True)]
Goal = Annotated[int, Meta(ge=1, le=10_000_000)]
#: Who is ticked when a visitor sees whom they can write to: the first, all, nobody, or those of
#: ``preselected_levels``.
Preselected = Literal["FIRST", "ALL", "NONE", "LEVELS"]


class NewCampaign(Body, frozen=True):
    """A new campaign, which is created as a draft."""

    title: Title
    email_subject: Subject
    email_body: MessageBody
    target_government_levels: _Levels
    description: _Prose = ""
    call_to_action: _Call = ""
    cover_photo: Picture = ""
    cover_photo_alt: PictureText = ""
    language: Language = "en"
    allow_smtp_email: bool = True
    allow_mailto_link: bool = True
    allow_email_editing: bool = False
    allow_custom_recipients: bool = False
    show_email_count: bool = True
    starts_at: _Time | None = None
    ends_at: _Time | None = None
    goal: Goal | None = None
    preselected: Preselected = "FIRST"
    preselected_levels: _Levels | None = None
    thank_you: _Prose = ""


class CampaignChange(Body, frozen=True):
    """Changes to a campaign; fields that are left out stay as they are.

    ``version`` is the one that was edited: the change is refused where another one is stored.
    ``slug`` is the end of its page's address; a published campaign's former one redirects.
    """

    version: int | UnsetType = UNSET
    slug: Slug | UnsetType = UNSET
    title: Title | UnsetType = UNSET
    email_subject: Subject | UnsetType = UNSET
    email_body: MessageBody | UnsetType = UNSET
    target_government_levels: _Levels | UnsetType = UNSET
    description: _Prose | UnsetType = UNSET
    call_to_action: _Call | UnsetType = UNSET
    cover_photo: Picture | UnsetType = UNSET
    cover_photo_alt: PictureText | UnsetType = UNSET
    language: Language | UnsetType = UNSET
    status: CampaignStatus | UnsetType = UNSET
    allow_smtp_email: bool | UnsetType = UNSET
    allow_mailto_link: bool | UnsetType = UNSET
    allow_email_editing: bool | UnsetType = UNSET
    allow_custom_recipients: bool | UnsetType = UNSET
    show_email_count: bool | UnsetType = UNSET
    starts_at: _Time | UnsetType | None = UNSET
    ends_at: _Time | UnsetType | None = UNSET
    goal: Goal | UnsetType | None = UNSET
    preselected: Preselected | UnsetType = UNSET
    preselected_levels: _Levels | UnsetType | None = UNSET
    thank_you: _Prose | UnsetType = UNSET


class Duplicate(Body, frozen=True):
    """A copy of a campaign, as a draft with a slug of its own. Letters and numbers stay behind.

    ``texts`` are the description, the call to action and the letter; without them the copy has
    what it is called, whom it writes to and how.
    """

    title: Title
    texts: bool = True
    photo: bool = True
    recipients: bool = True


class CampaignQuery(CursorQuery, frozen=True, kw_only=True):
    """Filters of the list of campaigns. ``search`` is part of a title or of a slug, whatever its
    case and accents."""

    status: CampaignStatus | None = None
    search: Annotated[str, Meta(min_length=1, max_length=200)] | None = None


class CampaignFields(msgspec.Struct, frozen=True):
    """The fields that are public in a published campaign."""

    id: str
    slug: str
    title: str
    description: str
    email_subject: str
    email_body: str
    call_to_action: str
    cover_photo: str
    cover_photo_alt: str
    language: str
    target_government_levels: list[Level]
    allow_smtp_email: bool
    allow_mailto_link: bool
    allow_email_editing: bool
    show_email_count: bool
    starts_at: datetime | None
    ends_at: datetime | None
    goal: int | None
    preselected: Preselected
    preselected_levels: list[Level] | None
    thank_you: str
    translated_into: list[str] | None


class CampaignOut(CampaignFields, frozen=True, kw_only=True):
    """A campaign, for its organisers."""

    status: CampaignStatus
    allow_custom_recipients: bool
    published_at: datetime | None
    created_by: str | None
    created_at: datetime
    updated_at: datetime
    updated_by: str | None
    version: int


class CampaignRow(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign in the organisers' list; ``sent`` is ``None`` for one that was never published."""

    id: str
    title: str
    slug: str
    status: CampaignStatus
    language: str
    starts_at: datetime | None
    ends_at: datetime | None
    created_at: datetime
    updated_at: datetime
    sent: int | None


class RecipientOut(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign's own recipient, for its organisers."""

    id: str
    name: str
    title: str
    email: str


class NewRecipient(Body, frozen=True):
    """A recipient that a campaign adds to the representatives."""

    name: Annotated[SingleLine, Meta(min_length=1, max_length=200)]
    email: Email
    title: Annotated[SingleLine, Meta(max_length=200)] = ""


class NewRecipients(Body, frozen=True):
    """Several recipients at once: all are added, or none where one of them has an error."""

    recipients: Annotated[list[NewRecipient], Meta(min_length=1, max_length=100)]


class RecipientChange(Body, frozen=True):
    """Changes to a recipient; fields that are left out stay as they are."""

    name: Annotated[SingleLine, Meta(min_length=1, max_length=200)] | UnsetType = UNSET
    email: Email | UnsetType = UNSET
    title: Annotated[SingleLine, Meta(max_length=200)] | UnsetType = UNSET


class PublicRecipient(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign's own recipient without the address, which is not public."""

    key: str
    name: str
    title: str


class CampaignCard(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign in the public list. ``email_count`` is ``None`` where it is not shown."""

    id: str
    slug: str
    title: str
    description: str
    email_subject: str
    cover_photo: str
    cover_photo_alt: str
    language: str
    translated_into: list[str] | None
    published_at: datetime
    email_count: int | None


class PublicCampaignsQuery(CursorQuery, frozen=True, kw_only=True):
    """``language``: campaigns that are translated into it are returned in it."""

    language: Language | None = None


class PublicCampaign(CampaignFields, frozen=True, kw_only=True):
    """A published campaign. ``translated_into`` has its languages beside its own.

    ``email_count`` is ``None`` where it is not shown, and then ``goal`` is, too; else that is the
    goal of now, which follows one that was reached.
    """

    email_count: int | None
    is_open: bool
    custom_recipients: list[PublicRecipient]
