"""Which tables and rows a statement reads and writes, and who is notified of a write.

The names in ``__all__`` are the interface of this package, above all four functions and a class.

- :func:`statement_reads` returns what a SQL statement reads, :func:`statement_writes` what it
  writes, both as *tags*: names of tables, or of parts of a table's rows (``tags.py``).
- A reader of some tags listens on :func:`channels_to_listen`; a write of some tags notifies
  :func:`channels_to_notify`. The reader is outdated exactly where the two have a channel in common.
- :class:`Changes` notifies subscribers of committed writes, of this process and of others;
  :class:`LiveChanges` wakes loops that follow tables.

The models that are defined say which tables, keys and cascades there are: ``register_model`` is
called for each. ``Tags``, ``NOTHING``, ``merge`` and ``tables_of`` are for handling tags.
"""

from __future__ import annotations

from changemaker_core.db.tracking.changes import Changes
from changemaker_core.db.tracking.live import LiveChanges
from changemaker_core.db.tracking.models import known_tables, register_model
from changemaker_core.db.tracking.statements import (
    StatementReads,
    statement_reads,
    statement_writes,
    tables_written,
)
from changemaker_core.db.tracking.tags import (
    NOTHING,
    Tags,
    channels_to_listen,
    channels_to_notify,
    merge,
    tables_of,
)

__all__ = [
    "NOTHING",
    "Changes",
    "LiveChanges",
    "StatementReads",
    "Tags",
    "channels_to_listen",
    "channels_to_notify",
    "known_tables",
    "merge",
    "register_model",
    "statement_reads",
    "statement_writes",
    "tables_of",
    "tables_written",
]
