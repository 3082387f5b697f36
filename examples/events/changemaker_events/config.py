"""Configuration: the ``[events]`` table of ``changemaker.toml``; and the permission."""

from __future__ import annotations

from typing import Final

import msgspec

from changemaker_core import Secret

#: Organisers' permission.
WRITE: Final = "events.event.write"


class EventsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``feed_key`` opens the calendar feed that also shows how many have signed up."""

    feed_key: Secret | None = None
    largest_poster: int = 10_000_000
