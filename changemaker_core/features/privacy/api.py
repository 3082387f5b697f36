"""What plugins may import of privacy: what is stored about a person, and how long it is kept.

Functions block for the database: call them on a thread (``asyncio.to_thread``), in commands and in
jobs.
"""

from __future__ import annotations

from changemaker_core.features.privacy.retention import Expiring, count_expired, days_of
from changemaker_core.features.privacy.services import (
    Erased,
    Held,
    check_erasable,
    erase,
    export,
    find_person,
    find_person_for,
    held_about,
    kinds_of,
    look_up,
)
from changemaker_core.features.privacy.views import entry_of

__all__ = [
    "Erased",
    "Expiring",
    "Held",
    "check_erasable",
    "count_expired",
    "days_of",
    "entry_of",
    "erase",
    "export",
    "find_person",
    "find_person_for",
    "held_about",
    "kinds_of",
    "look_up",
]
