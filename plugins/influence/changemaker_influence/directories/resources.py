"""Representatives over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import endpoint
from changemaker_influence.directories.problems import LOOKUP_ERRORS, problem_of
from changemaker_influence.directories.schemas import RepresentativeQuery, Representatives

if TYPE_CHECKING:
    from changemaker_core import Request, Response
    from changemaker_influence.directories.lookup import Lookups


class RepresentativesResource:
    """``/api/public/representatives``"""

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups

    @endpoint(
        public=True, query=RepresentativeQuery, response=Representatives, rate_limit="120/minute"
    )
    async def on_get(
        self, req: Request, resp: Response, *, query: RepresentativeQuery
    ) -> Representatives:
        """Who represents a postal code."""
        resp.set_header("Cache-Control", "no-store")
        try:
            found = await self._lookups.find(query.postal_code)
        except LOOKUP_ERRORS as error:
            raise problem_of(error, "query") from None
        return Representatives(
            data=found.answer.representatives,
            postal_code=found.code,
            city=found.answer.city,
            province=found.answer.province,
            source=found.source,
            cached_at=found.cached_at,
            ambiguous=found.answer.ambiguous,
        )
