"""The permission and the role of organisers."""

from __future__ import annotations

from typing import Final

from changemaker_core import Permission, Role, Text

WRITE: Final = "events.event.write"
PERMISSIONS: Final = [Permission(WRITE, Text("Publish events, and see who comes"))]
ROLES: Final = [Role("EVENTS_ORGANISER", Text("Organises events"), frozenset({WRITE}))]
