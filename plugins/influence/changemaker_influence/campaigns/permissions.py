"""What an organiser may be allowed to do."""

from __future__ import annotations

from typing import Final

from changemaker_core import Permission, Role, Text

READ: Final = "influence.campaign.read"
WRITE: Final = "influence.campaign.write"
DELETE: Final = "influence.campaign.delete"
READ_EMAILS: Final = "influence.email.read"

PERMISSIONS: Final = [
    Permission(READ, Text("See campaigns, drafts too")),
    Permission(WRITE, Text("Make, change and publish campaigns")),
    Permission(DELETE, Text("Remove campaigns in which nobody has written")),
    Permission(READ_EMAILS, Text("See who wrote to whom in a campaign")),
]
ROLES: Final = [
    Role(
        "INFLUENCE_ADMIN",
        Text("Runs campaigns"),
        frozenset(permission.name for permission in PERMISSIONS),
    )
]
