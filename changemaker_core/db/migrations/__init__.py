"""Schema changes: one history for each plugin, applied in order, one process at a time.

A migration is ``NNNN_name.py`` with ``up(migrator, db)`` and ``down(migrator, db)``, in which
models are declared inline, frozen, deriving from ``changemaker_core.Model``:

>>> def up(migrator, db):
...     db.create_tables([Campaign])
>>> def down(migrator, db):
...     db.drop_tables([Campaign])
"""

from __future__ import annotations

from changemaker_core.db.migrations.applying import (
    State,
    Target,
    apply,
    folder_of,
    plan,
    plan_back,
    revert,
    revert_all,
    state,
)
from changemaker_core.db.migrations.folders import CORE, MigrationFolder, Step, folder_problems

__all__ = [
    "CORE",
    "MigrationFolder",
    "State",
    "Step",
    "Target",
    "apply",
    "folder_of",
    "folder_problems",
    "plan",
    "plan_back",
    "revert",
    "revert_all",
    "state",
]
