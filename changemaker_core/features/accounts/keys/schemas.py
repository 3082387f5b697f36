"""Bodies, responses and forms of API keys."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated

import msgspec
from msgspec import Meta

from changemaker_core import Body, SingleLine
from changemaker_core.features.accounts.keys.queries import ListedKey

Name = Annotated[SingleLine, Meta(min_length=1, max_length=100)]


class CreateKey(Body, frozen=True):
    """A key to create: what it is for, what it may do, and until when."""

    name: Name
    permissions: Annotated[list[str], Meta(min_length=1, max_length=500)]
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None


class CreatedKey(ListedKey, frozen=True, kw_only=True):
    """A key that was just created. ``key`` is shown this once."""

    key: str


class Lifetime(Enum):
    """The lifetimes of a key that the page offers, in days."""

    MONTH = "30"
    QUARTER = "90"
    YEAR = "365"
    FOREVER = "0"


class KeyForm(msgspec.Struct, frozen=True, kw_only=True):
    """The form of the page."""

    name: Name
    permissions: Annotated[list[str], Meta(max_length=500)]
    days: Lifetime


class RevokeForm(msgspec.Struct, frozen=True):
    """A form that is nothing but its button."""
