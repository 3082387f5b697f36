"""Permissions and the role of organisers."""

from __future__ import annotations

from typing import Final

from changemaker_core import Permission, Role, Text

READ: Final = "pledges.pledge.read"
WRITE: Final = "pledges.pledge.write"

PERMISSIONS: Final = [
    Permission(READ, Text("See who has pledged")),
    Permission(WRITE, Text("Add pledges made on paper")),
]
ROLES: Final = [Role("PLEDGES_ADMIN", Text("Can manage pledges"), frozenset({READ, WRITE}))]
