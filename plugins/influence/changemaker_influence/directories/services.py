"""Writes of directories: the cache of their entries, and counts of lookups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

import msgspec

from changemaker_influence.directories.models import LookupCount, PostalCode

if TYPE_CHECKING:
    from changemaker_core import Tx
    from changemaker_influence.directories.representatives import DirectoryEntry

#: The source of an entry; ``cache_stale`` is an old one, used because the directory failed.
Source = Literal["live", "cache", "cache_stale"]
#: Counts lookups that found no entry.
NO_SOURCE: Final = "none"
COUNTED_SOURCES: Final[tuple[str, ...]] = (*get_args(Source), NO_SOURCE)


def cache_live_entry(tx: Tx, directory: str, code: str, entry: DirectoryEntry) -> None:
    """Cache an entry that the directory just returned in place of the last one, and count it."""
    values = {PostalCode.entry: msgspec.to_builtins(entry), PostalCode.cached_at: tx.now}
    PostalCode.insert(
        {PostalCode.directory: directory, PostalCode.code: code, **values}
    ).on_conflict(conflict_target=[PostalCode.directory, PostalCode.code], update=values).execute()
    count_lookup(tx, "live")


def count_lookup(tx: Tx, source: str) -> None:
    """Count a lookup; ``source`` is one of ``COUNTED_SOURCES``."""
    LookupCount.insert(source=source, count=1).on_conflict(
        conflict_target=[LookupCount.source], update={LookupCount.count: LookupCount.count + 1}
    ).execute()
