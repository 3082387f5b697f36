"""What the API takes and gives about representatives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from changemaker_influence.directories.representatives import Representative
from changemaker_influence.directories.services import Source


class RepresentativeQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Whose representatives: a postal code in any case and spacing."""

    postal_code: Annotated[str, Meta(min_length=1, max_length=100)]


class Representatives(msgspec.Struct, frozen=True, kw_only=True):
    """Who represents a postal code.

    ``source`` is ``live``, ``cache``, or ``cache_stale`` where the directory did not answer;
    ``ambiguous`` says that the code lies in several districts.
    """

    data: tuple[Representative, ...]
    postal_code: str
    city: str
    province: str
    source: Source
    cached_at: datetime | None
    ambiguous: bool
