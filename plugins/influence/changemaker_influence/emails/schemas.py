"""Requests and responses of the API about messages."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from changemaker_core import Body, CursorQuery, Email, MultiLine, PersonName, SingleLine
from changemaker_influence.campaigns.schemas import Language
from changemaker_influence.states import EmailStatus

#: More than any postal code has representatives.
MAX_RECIPIENTS = 30
_Name = Annotated[PersonName, Meta(min_length=1, max_length=200)]
_Typed = Annotated[SingleLine, Meta(max_length=100)]
#: What was left empty is reported by the service, which knows who may write.
_Subject = Annotated[SingleLine, Meta(max_length=200)]
_MessageBody = Annotated[MultiLine, Meta(max_length=20_000)]
_Key = Annotated[SingleLine, Meta(min_length=1, max_length=64)]


class SendEmail(Body, frozen=True):
    """A message to some of the sender's representatives or the campaign's own recipients.

    ``recipient_emails`` are addresses of the sender's own representatives; ``recipient_keys`` name
    a campaign's own recipients, whose addresses are not public, by the keys that the public
    campaign lists. ``postal_code`` is required for representatives, and where the message mentions
    it. ``subject`` and ``body`` that are not sent are the campaign's own; empty
    ones are an error. ``language`` is the one in which the sender read the campaign; the letter
    leaves in it.
    """

    sender_name: _Name
    sender_email: Email
    postal_code: _Typed = ""
    consent: bool = False
    recipient_emails: Annotated[list[Email], Meta(max_length=MAX_RECIPIENTS)] = msgspec.field(
        default_factory=list
    )
    recipient_keys: Annotated[list[_Key], Meta(max_length=MAX_RECIPIENTS)] = msgspec.field(
        default_factory=list
    )
    subject: _Subject | UnsetType = UNSET
    body: _MessageBody | UnsetType = UNSET
    language: Language | None = None


class SendForm(msgspec.Struct, frozen=True, kw_only=True):
    """The same message as the form of the campaign page.

    ``find`` looks the postal code up, and sends nothing, whatever else is in the form;
    ``preview`` shows the message instead of sending it; ``language`` is the one in which the page
    showed the campaign; ``shown`` is the digest of a text that
    cannot be changed, as the person read it; ``website`` is a honeypot.
    """

    sender_name: _Name
    sender_email: Email
    postal_code: _Typed = ""
    recipients: Annotated[list[_Key], Meta(max_length=MAX_RECIPIENTS)] = msgspec.field(
        default_factory=list
    )
    consent: bool = False
    subject: _Subject | None = None
    body: _MessageBody | None = None
    find: bool = False
    preview: bool = False
    shown: str = ""
    language: str = ""
    website: str = ""


class EmailQuery(CursorQuery, frozen=True, kw_only=True):
    """A filter of a campaign's messages."""

    status: EmailStatus | None = None


class QueuedEmail(msgspec.Struct, frozen=True, kw_only=True):
    """A message that will be sent soon: to one address, and to all people behind it, by name.

    ``send_after`` is when, where many people have written from the same network.
    """

    id: str
    recipient_name: str
    recipient_names: tuple[str, ...]
    status: Literal["QUEUED"]
    send_after: datetime | None
    status_url: str


class Queued(msgspec.Struct, frozen=True, kw_only=True):
    """The messages that were accepted."""

    emails: list[QueuedEmail]


class TestLetter(msgspec.Struct, frozen=True, kw_only=True):
    """To whom a test of a campaign's letter is sent."""

    sent_to: str


class PublicEmail(msgspec.Struct, frozen=True, kw_only=True):
    """The status of a message, without names and addresses."""

    id: str
    status: EmailStatus
    send_after: datetime | None
    sent_at: datetime | None


class ExportQuery(msgspec.Struct, frozen=True, kw_only=True):
    """``excel``: for a double click, with a byte order mark and the language's separator."""

    excel: bool = False


class EmailOut(msgspec.Struct, frozen=True, kw_only=True):
    """A message, for the campaign's organisers.

    ``repeats`` is the id of an equal message that was delivered; this one was not once more.
    ``edited`` is whether its sender changed the campaign's text, and ``recipient_district`` the
    recipient's riding; both are ``None`` in messages from before they were stored.
    ``settled_at`` is when a person recorded what became of a message of unknown outcome, and
    ``settled_by`` their id.
    """

    id: str
    sender_name: str
    sender_email: str
    postal_code: str
    recipient_name: str
    recipient_email: str
    recipient_office: str
    recipient_level: str | None
    recipient_district: str | None
    subject: str
    edited: bool | None
    method: str
    status: EmailStatus
    error: str | None
    repeats: str | None
    settled_at: datetime | None
    settled_by: str | None
    created_at: datetime
    send_after: datetime | None
    sent_at: datetime | None
