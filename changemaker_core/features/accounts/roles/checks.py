"""What ``changemaker doctor`` says about roles, and about who administers the site."""

from __future__ import annotations

from typing import TYPE_CHECKING

import peewee

from changemaker_core import Finding
from changemaker_core.features.accounts.roles.queries import stored_roles
from changemaker_core.features.accounts.roles.roles import SUPER_ADMIN, roles_of
from changemaker_core.features.accounts.users.models import ACTIVE, User

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core import Site


def check_roles(site: Site) -> Iterator[Finding]:
    """Yield roles that do not exist, or exist twice, and whether nobody administers the site."""
    roles = roles_of(site)
    stored = {role.name for role in site.db.sync.all(stored_roles())}
    for name in sorted(stored & roles.declared.keys()):
        yield Finding(
            "warning",
            f"The site has made a role {name}, and a plugin brings one of the same name. The"
            " site's counts.",
            "Make a copy of it under another name with POST /api/roles, give that to its holders,"
            " and delete it.",
        )
    held = site.db.sync.read(_held)
    for name, count in held:
        if name not in stored and name not in roles.declared:
            yield Finding(
                "warning",
                f"The role {name} is held by {count} users, and there is none of this name: they"
                " can sign in, and nothing else.",
                "Install the plugin that brings it, or give them another role with"
                " `changemaker users role EMAIL ROLE`.",
            )
    if held and not site.db.sync.read(_has_administrator):
        yield Finding(
            "warning",
            f"No user with the role {SUPER_ADMIN} can sign in.",
            f"Create one with `changemaker users create EMAIL --role {SUPER_ADMIN}`.",
        )


def _held() -> list[tuple[str, int]]:
    count = peewee.fn.COUNT(User.id)
    held = User.select(User.role, count).group_by(User.role).order_by(User.role)
    return list(held.tuples())  # type: ignore[arg-type]  # the stubs know rows of models alone


def _has_administrator() -> bool:
    found: bool = (
        User.select()
        .where(User.role == SUPER_ADMIN, User.status == ACTIVE, User.expires_at.is_null())
        .exists()
    )
    return found
