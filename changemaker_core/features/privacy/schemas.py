"""Requests and responses of the API about personal data."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from changemaker_core import Body, Email


class KindOut(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of personal data: ``keeps`` is what an erasure leaves, and ``retention_days`` after
    how many days it expires, ``null`` for never."""

    name: str
    label: str
    keeps: str
    retention_days: int | None


class Kinds(msgspec.Struct, frozen=True):
    """All kinds of personal data of a site."""

    data: list[KindOut]


class WhoseData(Body, frozen=True, kw_only=True):
    """A person: all email addresses that they have proven to be theirs."""

    emails: Annotated[list[Email], Meta(min_length=1, max_length=20)]


class Erasure(WhoseData, frozen=True, kw_only=True):
    """Whose data is erased; with ``dry_run``, it is only counted."""

    dry_run: bool = False


class HeldOut(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of one kind that are stored about a person."""

    name: str
    label: str
    rows: list[dict[str, Any]]


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is stored about a person."""

    format: str
    site: str
    organisation: str
    exported_at: datetime
    emails: list[str]
    data: list[HeldOut]


class ErasedOut(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows of one kind were found and erased. Those that remain are in use for now, such
    as a message that is being sent."""

    name: str
    label: str
    keeps: str
    found: int
    erased: int
    remaining: int


class Erasures(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure did; ``complete`` is false while something remains."""

    dry_run: bool
    complete: bool
    data: list[ErasedOut]
