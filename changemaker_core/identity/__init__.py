"""Who acts, and what they have permission to do."""

from changemaker_core.identity.actor import SYSTEM, Actor
from changemaker_core.identity.declarations import (
    PERMISSIONS,
    ROLE_NAME,
    ROLES,
    SCOPES,
    Permission,
    Role,
    Scope,
)

__all__ = [
    "PERMISSIONS",
    "ROLES",
    "ROLE_NAME",
    "SCOPES",
    "SYSTEM",
    "Actor",
    "Permission",
    "Role",
    "Scope",
]
