"""``/api/public/representatives``: the representatives of a postal code."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec
from msgspec import Meta

from changemaker_core import Body, endpoint
from changemaker_influence.directories.errors import LOOKUP_ERRORS, problem_for
from changemaker_influence.directories.representatives import Representative
from changemaker_influence.directories.services import Source

if TYPE_CHECKING:
    from changemaker_core import Request, Response
    from changemaker_influence.directories.lookup import Lookups


class PostalCodeTyped(Body, frozen=True, kw_only=True):
    """A postal code in any case and spacing."""

    postal_code: Annotated[str, Meta(min_length=1, max_length=100)]


class Representatives(msgspec.Struct, frozen=True, kw_only=True):
    """The representatives of a postal code.

    ``source`` is ``live``, ``cache``, or ``cache_stale`` where the directory is unavailable;
    ``ambiguous`` means that the code lies in several districts.
    """

    data: tuple[Representative, ...]
    postal_code: str
    city: str
    province: str
    source: Source
    cached_at: datetime | None
    ambiguous: bool


class RepresentativesResource:
    """``/api/public/representatives``"""

    errors: ClassVar = dict.fromkeys(LOOKUP_ERRORS, problem_for)

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups

    @endpoint(public=True, body=PostalCodeTyped, response=Representatives, rate_limit="120/minute")
    async def on_post(
        self, req: Request, resp: Response, *, body: PostalCodeTyped
    ) -> Representatives:
        """Return the representatives of a postal code, which is in the body: addresses are logged
        by whatever is between."""
        found = await self._lookups.find(body.postal_code, visitor=req.visitor)
        return Representatives(
            data=found.entry.representatives,
            postal_code=found.code,
            city=found.entry.city,
            province=found.entry.province,
            source=found.source,
            cached_at=found.cached_at,
            ambiguous=found.entry.ambiguous,
        )
