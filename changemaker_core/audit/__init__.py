"""The audit log's own room: its tables, what ``tx.audit`` records, and how entries are hashed.

Entries are inserted in the transaction of the change that they tell of. ``features/audit`` seals
them into a chain afterwards, verifies it, and shows the log.
"""

from __future__ import annotations

from changemaker_core.audit.models import (
    BEGINNING,
    CoreAuditEntry,
    CoreAuditHead,
    CoreAuditPersonal,
    value_begins,
)
from changemaker_core.audit.recording import AuditLog, person_key

__all__ = [
    "BEGINNING",
    "AuditLog",
    "CoreAuditEntry",
    "CoreAuditHead",
    "CoreAuditPersonal",
    "person_key",
    "value_begins",
]
