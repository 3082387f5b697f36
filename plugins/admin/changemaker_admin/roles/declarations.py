"""The pages about roles, and their entry of the menu."""

from __future__ import annotations

from typing import Final

from changemaker_admin.roles.pages import (
    ROLES_PATH,
    DeleteRolePage,
    NewRolePage,
    RolePage,
    RolesPage,
)
from changemaker_core import NavigationEntry, Route, Text
from changemaker_core.features.accounts import api as accounts

CONTRIBUTIONS: Final = (
    Route(ROLES_PATH, RolesPage()),
    Route(f"{ROLES_PATH}/new", NewRolePage()),
    Route(f"{ROLES_PATH}/{{name}}", RolePage()),
    Route(f"{ROLES_PATH}/{{name}}/delete", DeleteRolePage()),
    NavigationEntry(
        Text("Roles"),
        ROLES_PATH,
        order=520,
        permission=accounts.READ_ROLES,
        group="team",
        icon="shield",
    ),
)
