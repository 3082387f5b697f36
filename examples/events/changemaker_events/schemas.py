"""What forms and addresses send, and what pages and mails show."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from changemaker_core import Body, Email, MultiLine, SingleLine, Upload

Line = Annotated[SingleLine, Meta(min_length=1, max_length=200)]


class NewSignUp(Body, frozen=True):
    """A person who comes."""

    name: Line
    email: Email


class NewEvent(Body, frozen=True):
    """An event, as organisers write it."""

    title: Line
    place: Line
    starts_at: datetime
    capacity: Annotated[int, Meta(ge=1, le=100_000)]
    description: Annotated[MultiLine, Meta(max_length=10_000)] = ""
    poster: Upload | None = None


class PageQuery(msgspec.Struct, frozen=True):
    """``?signed_up=true`` shows the thanks instead of the form."""

    signed_up: bool = False


class FeedQuery(msgspec.Struct, frozen=True):
    """``?key=…`` is the ``feed_key`` of the configuration."""

    key: str = ""


class EventOut(msgspec.Struct, frozen=True, kw_only=True):
    """An event, for everybody. ``poster`` is the path of a picture, or empty."""

    id: str
    slug: str
    title: str
    place: str
    description: str
    starts_at: datetime
    capacity: int
    taken: int
    poster: str

    @property
    def left(self) -> int:
        """How many places are left."""
        return self.capacity - self.taken


class Person(msgspec.Struct, frozen=True):
    """Someone who signed up, for organisers."""

    id: str
    name: str
    email: str
    created_at: datetime


class Recipient(msgspec.Struct, frozen=True):
    """Someone who signed up, and the event: for mails."""

    name: str
    email: str
    locale: str
    slug: str
    title: str
    place: str
    starts_at: datetime

    @property
    def url(self) -> str:
        """The path of the event's page."""
        return f"/events/{self.slug}"
