"""What is written about directories' answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

import msgspec

from changemaker_influence.directories.models import LookupCount, PostalCode

if TYPE_CHECKING:
    from changemaker_core import Tx
    from changemaker_influence.directories.representatives import Answer

#: Where an answer came from.
Source = Literal["live", "cache", "cache_stale"]
#: As a source in counts: there was no answer.
NONE: Final = "none"
COUNTED: Final[tuple[str, ...]] = (*get_args(Source), NONE)


def keep(tx: Tx, directory: str, code: str, answer: Answer) -> None:
    """Keeps a live answer in place of the last one, and counts it."""
    values = {PostalCode.answer: msgspec.to_builtins(answer), PostalCode.cached_at: tx.now}
    PostalCode.insert(
        {PostalCode.directory: directory, PostalCode.code: code, **values}
    ).on_conflict(conflict_target=[PostalCode.directory, PostalCode.code], update=values).execute()
    count(tx, "live")


def count(tx: Tx, source: str) -> None:
    """Counts a lookup; ``source`` is one of ``COUNTED``."""
    LookupCount.insert(source=source, count=1).on_conflict(
        conflict_target=[LookupCount.source], update={LookupCount.count: LookupCount.count + 1}
    ).execute()
