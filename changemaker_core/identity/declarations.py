"""What plugins declare about rights: permissions, and the roles that hold them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from changemaker_core.plugin.contributions import Kind, named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

#: What names of roles are made of: they stand in addresses, in scripts and in configuration.
ROLE_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
#: The column that stores the name of a scope.
_LONGEST_SCOPE = 100


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


@dataclass(frozen=True, slots=True)
class Scope:
    """A kind of object that a role can be limited to: ``petitions.petition``.

    ``label`` is what people call one: "Petition". ``permissions`` are those that can be held for
    one object. ``find(id)`` returns the title of the object, or ``None`` where there is none; it is
    called inside a unit of work, and with any text. An id is never given to another object later.
    ``search(text)`` returns the ids and titles of some objects whose title contains the text, the
    latest first, at most about twenty; ``""`` is in every title. People choose the object from
    them. Without it they enter its id.
    """

    name: str
    label: str
    permissions: frozenset[str]
    find: Callable[[str], str | None]
    search: Callable[[str], Sequence[tuple[str, str]]] | None = None


def _problems_of_scope(scope: Scope) -> Iterable[tuple[str, str]]:
    if not scope.permissions:
        problem = f"The scope {scope.name!r} has no permission: a role would allow nothing."
        yield problem, "Name the permissions that can be held for one object."
    if len(scope.name) > _LONGEST_SCOPE:
        problem = f"The scope {scope.name!r} has more than {_LONGEST_SCOPE} characters."
        yield problem, "Give it a shorter name."


def _problems_of_role(role: Role) -> Iterable[tuple[str, str]]:
    if ROLE_NAME.fullmatch(role.name) is None:
        problem = f"The role {role.name!r} is not named in capitals."
        yield problem, "Use A-Z, 0-9 and _, and at most 64 characters: PETITIONS_ADMIN."


PERMISSIONS = Kind("cm_register_permissions", Permission, named("permission", "."))
ROLES = Kind("cm_register_roles", Role, named("role"), _problems_of_role)
SCOPES = Kind(
    "cm_register_scopes",
    Scope,
    named("scope", "."),
    _problems_of_scope,
    ("find(id)", "search(text)"),
)
