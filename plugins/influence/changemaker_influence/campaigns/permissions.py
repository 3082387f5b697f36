"""Permissions and the role of organisers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from changemaker_core import Forbidden, Permission, Role, Scope, Text
from changemaker_influence.campaigns.queries import title_of, titled

if TYPE_CHECKING:
    from changemaker_core import Request

READ: Final = "influence.campaign.read"
WRITE: Final = "influence.campaign.write"
DELETE: Final = "influence.campaign.delete"
READ_EMAILS: Final = "influence.email.read"
WRITE_EMAILS: Final = "influence.email.write"

#: The kind of object that a role can be limited to.
SCOPE: Final = "influence.campaign"

PERMISSIONS: Final = [
    Permission(READ, Text("See all campaigns, including drafts")),
    Permission(WRITE, Text("Create, edit and publish campaigns")),
    Permission(DELETE, Text("Delete campaigns that have no messages")),
    Permission(READ_EMAILS, Text("See who wrote to whom in a campaign")),
    Permission(
        WRITE_EMAILS,
        Text("Send failed messages again, cancel waiting ones, and settle what became of others"),
    ),
]
ROLES: Final = [
    Role(
        "INFLUENCE_ADMIN",
        Text("Can run campaigns"),
        frozenset(permission.name for permission in PERMISSIONS),
    )
]
SCOPES: Final = [
    Scope(
        SCOPE,
        Text("Campaign"),
        frozenset(permission.name for permission in PERMISSIONS),
        find=lambda id: title_of(id).one(),
        search=lambda text: [(row.id, row.title) for row in titled(text or None).all()],
    )
]


def can_create(req: Request) -> bool:
    """Return whether the visitor may create campaigns: not who organises some of them alone."""
    return req.actor is not None and req.actor.has_permission(WRITE)


def check_can_create(req: Request) -> None:
    """Raise ``Forbidden`` for who may create no campaigns."""
    if not can_create(req):
        raise Forbidden(Text("Your role is for some campaigns alone, so you cannot create others."))
