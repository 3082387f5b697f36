"""Personal data as the API and the command line show it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from changemaker_core.features.privacy.declarations import PersonalEntry
from changemaker_core.features.privacy.retention import days_of
from changemaker_core.features.privacy.schemas import KindOut

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from changemaker_core import PersonalData, Site

    Translate = Callable[[str], str]

#: Columns that say what a row is, and since when it is stored, the best ones first.
_TITLES: Final = ("title", "name", "subject", "email", "action", "id")
_TIMES: Final = ("at", "created_at", "sent_at", "changed_at")


def kind_out(site: Site, kind: PersonalData, translate: Translate) -> KindOut:
    """Return a kind of personal data, in a person's language."""
    return KindOut(
        name=kind.name,
        label=translate(kind.label),
        keeps=translate(kind.keeps) if kind.keeps else "",
        retention_days=days_of(site, kind),
    )


def entry_of(kind: PersonalData, row: Mapping[str, Any]) -> PersonalEntry:
    """Return a row of personal data as organisers read it."""
    if kind.entry is not None:
        return kind.entry(row)
    title = next((str(row[name]) for name in _TITLES if row.get(name)), kind.name)
    at = next((row[name] for name in _TIMES if isinstance(row.get(name), datetime)), None)
    return PersonalEntry(title, at)
