"""Reads of the caches of directories."""

from __future__ import annotations

from datetime import datetime

import msgspec

from changemaker_core import Query, compiled
from changemaker_influence.directories.models import LookupCount, PostalCode
from changemaker_influence.directories.representatives import Answer


class KeptAnswer(msgspec.Struct, frozen=True):
    """A directory's last answer about a postal code."""

    answer: Answer
    cached_at: datetime


class SourceCount(msgspec.Struct, frozen=True):
    """Lookups answered so far from one source."""

    source: str
    count: int


@compiled(KeptAnswer)
def kept_answer(directory: str, code: str) -> Query:
    """What ``directory`` last answered about ``code``."""
    query = PostalCode.select(PostalCode.answer, PostalCode.cached_at)
    return query.where(PostalCode.directory == directory, PostalCode.code == code)


@compiled(SourceCount)
def lookup_counts() -> Query:
    """Lookups answered so far, by source."""
    return LookupCount.select(LookupCount.source, LookupCount.count)
