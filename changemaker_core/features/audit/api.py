"""The interface of the audit log for the organisers' pages and other plugins."""

from __future__ import annotations

from changemaker_core.features.audit.queries import (
    EntryRow,
    actions,
    entries,
    entries_by_id,
    listed,
)
from changemaker_core.features.audit.reading import all_entries, with_values
from changemaker_core.features.audit.resources import COLUMNS, PATH, READ, filters_of
from changemaker_core.features.audit.schemas import ActorOut, EntryOut, FieldChange, Filters
from changemaker_core.features.audit.verifying import VERIFIED, Standing, standing_of, start

__all__ = [
    "COLUMNS",
    "PATH",
    "READ",
    "VERIFIED",
    "ActorOut",
    "EntryOut",
    "EntryRow",
    "FieldChange",
    "Filters",
    "Standing",
    "actions",
    "all_entries",
    "entries",
    "entries_by_id",
    "filters_of",
    "listed",
    "standing_of",
    "start",
    "with_values",
]
