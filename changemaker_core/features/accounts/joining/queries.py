"""Queries of links."""

from __future__ import annotations

from datetime import datetime

import msgspec

from changemaker_core import Query, compiled
from changemaker_core.features.accounts.joining.models import Link


class LinkRow(msgspec.Struct, frozen=True):
    """A link, as its page and its mail need it."""

    id: str
    purpose: str
    user_id: str | None
    email: str
    locale: str
    return_to: str
    expires_at: datetime
    ended_at: datetime | None

    def is_valid(self, now: datetime) -> bool:
        """Return whether the link still does what it is for, as far as it knows itself."""
        return self.ended_at is None and now < self.expires_at


@compiled(LinkRow)
def link_by_id(id: str) -> Query:
    """The link with this id."""
    return Link.select_for(LinkRow, user_id=Link.user).where(Link.id == id)
