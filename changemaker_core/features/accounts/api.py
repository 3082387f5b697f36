"""The interface of accounts for the command line and other plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core.features.accounts import passwords, services
from changemaker_core.features.accounts.roles import SUPER_ADMIN, Roles, UnknownRole
from changemaker_core.features.accounts.services import (
    AccountRefused,
    DetailsRefused,
    EmailTaken,
    PasswordRefused,
)
from changemaker_core.identity import ROLES

if TYPE_CHECKING:
    from changemaker_core import Site

__all__ = [
    "SUPER_ADMIN",
    "AccountRefused",
    "DetailsRefused",
    "EmailTaken",
    "PasswordRefused",
    "UnknownRole",
    "create_user",
    "roles_of",
]


def roles_of(site: Site) -> Roles:
    """Return the roles that the plugins of a site register."""
    return Roles.of(contribution.item for contribution in site.loaded.contributions(ROLES))


def create_user(
    site: Site, *, email: str, name: str, role: str, password: str | None = None
) -> tuple[str, str]:
    """Create a user and return ``(id, password)``. Without a ``password``, generate one.

    Blocks for hashing and the database: never call it in the event loop. Raise ``UnknownRole`` or a
    subclass of ``AccountRefused``: ``DetailsRefused``, ``PasswordRefused``, ``EmailTaken``.
    """
    roles_of(site).check(role)
    services.check_details(email, name)
    if password is None:
        password = passwords.generate()
    services.check_password(password, email)
    hashed = passwords.hash_password(password)
    user_id = site.db.sync.write(
        lambda tx: services.create_user(tx, email=email, name=name, role=role, password_hash=hashed)
    )
    return user_id, password
