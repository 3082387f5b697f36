"""The interface of the audit log for the organisers' pages and other plugins."""

from __future__ import annotations

from changemaker_core.features.audit.queries import EntryRow, entries
from changemaker_core.features.audit.reading import with_values
from changemaker_core.features.audit.schemas import ActorOut, EntryOut, FieldChange

__all__ = [
    "ActorOut",
    "EntryOut",
    "EntryRow",
    "FieldChange",
    "entries",
    "with_values",
]
