"""Requests and responses of the API about roles."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from changemaker_core import Body, SingleLine, Text

#: As plugins name theirs; it stands in addresses and scripts.
NewRoleName = Annotated[
    str,
    Meta(
        max_length=64,
        pattern=r"^[A-Z][A-Z0-9_]*(?![\s\S])",
        extra={"message": Text("Use capital letters, digits and _, such as CAMPAIGN_HELPER.")},
    ),
]
_Description = Annotated[SingleLine, Meta(min_length=1, max_length=300)]
_Permissions = Annotated[list[Annotated[str, Meta(max_length=200)]], Meta(max_length=500)]


class NewRole(Body, frozen=True):
    """A new role: with ``permissions``, or with those of another role, ``copy_of``."""

    name: NewRoleName
    description: _Description
    permissions: _Permissions | None = None
    copy_of: Annotated[str, Meta(max_length=64)] | None = None


class RoleChange(Body, frozen=True):
    """Changes to a role; fields that are left out stay as they are."""

    description: _Description | UnsetType = UNSET
    permissions: _Permissions | UnsetType = UNSET


class RoleOut(msgspec.Struct, frozen=True, kw_only=True):
    """A role. ``built_in``: it comes with a plugin, and stays as it is.

    ``unknown_permissions`` are those among ``permissions`` that no plugin has any more; they allow
    nothing until it is installed again. ``"*"`` stands for all permissions.
    """

    name: str
    description: str
    built_in: bool
    permissions: list[str]
    unknown_permissions: list[str]


class RoleList(msgspec.Struct, frozen=True):
    """All roles, by name."""

    data: list[RoleOut]


class PermissionOut(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a role can allow; ``scopes``: kinds of objects it can be limited to."""

    name: str
    description: str
    scopes: list[str]


class PermissionList(msgspec.Struct, frozen=True):
    """All permissions of the installed plugins, by name."""

    data: list[PermissionOut]


class ScopeOut(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of object that a role can be limited to."""

    name: str
    label: str
    permissions: list[str]


class ScopeList(msgspec.Struct, frozen=True):
    """All kinds of objects that a role can be limited to, by name."""

    data: list[ScopeOut]
