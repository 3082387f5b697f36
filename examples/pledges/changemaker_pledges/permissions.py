"""What organisers may be allowed to do."""

from __future__ import annotations

from typing import Final

from changemaker_core import Permission, Role, Text

READ: Final = "pledges.pledge.read"
WRITE: Final = "pledges.pledge.write"

PERMISSIONS: Final = [
    Permission(READ, Text("See who has pledged")),
    Permission(WRITE, Text("Enter pledges that were made on paper")),
]
ROLES: Final = [Role("PLEDGES_ADMIN", Text("Keeps the list of pledges"), frozenset({READ, WRITE}))]
