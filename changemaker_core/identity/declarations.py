"""What plugins declare about rights: permissions, and the roles that hold them."""

from __future__ import annotations

from dataclasses import dataclass

from changemaker_core.plugin.contributions import Kind, named


@dataclass(frozen=True, slots=True)
class Permission:
    """Something that a role allows: ``petitions.petition.write``."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Role:
    """A named set of permissions that ships with a plugin: ``PETITIONS_ADMIN``."""

    name: str
    description: str
    permissions: frozenset[str]


PERMISSIONS = Kind("cm_register_permissions", Permission, named("permission", "."))
ROLES = Kind("cm_register_roles", Role, named("role"))
