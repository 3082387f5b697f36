"""Who acts, and what they have permission to do."""

from changemaker_core.identity.actor import Actor
from changemaker_core.identity.declarations import PERMISSIONS, ROLES, Permission, Role

__all__ = ["PERMISSIONS", "ROLES", "Actor", "Permission", "Role"]
