"""Requests and responses of the page and the API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from changemaker_core import Body, Email, SingleLine


class NewPledge(Body, frozen=True):
    """A person who promises to come."""

    name: Annotated[SingleLine, Meta(min_length=1, max_length=200)]
    email: Email


class PledgeOut(msgspec.Struct, frozen=True, kw_only=True):
    """A pledge, for organisers."""

    id: str
    name: str
    email: str
    created_at: datetime
