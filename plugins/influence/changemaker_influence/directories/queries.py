"""Reads of cached directory entries and of counts."""

from __future__ import annotations

from datetime import datetime

import msgspec

from changemaker_core import Query, compiled
from changemaker_influence.directories.models import LookupCount, PostalCode
from changemaker_influence.directories.representatives import DirectoryEntry


class CachedEntry(msgspec.Struct, frozen=True):
    """The last entry that a directory returned for a postal code."""

    entry: DirectoryEntry
    cached_at: datetime


class SourceCount(msgspec.Struct, frozen=True):
    """The number of lookups so far whose result came from one source."""

    source: str
    count: int


@compiled(CachedEntry)
def cached_entry(directory: str, code: str) -> Query:
    """Return the cached entry of ``code`` in ``directory``."""
    query = PostalCode.select_for(CachedEntry)
    return query.where(PostalCode.directory == directory, PostalCode.code == code)


@compiled(CachedEntry)
def latest_entries(directory: str, limit: int = 1000) -> Query:
    """Return the entries of ``directory`` that were fetched last."""
    query = PostalCode.select_for(CachedEntry).where(PostalCode.directory == directory)
    return query.order_by(PostalCode.cached_at.desc(), PostalCode.code).limit(limit)


@compiled(SourceCount)
def lookup_counts() -> Query:
    """Return the number of lookups so far, by source."""
    return LookupCount.select_for(SourceCount)
