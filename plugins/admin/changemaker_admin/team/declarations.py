"""The pages about the team, and their entry of the menu."""

from __future__ import annotations

from typing import Final

from changemaker_admin.team.acts import CONFIRMED, PLAIN, ActPage, ConfirmedActPage, EndSessionPage
from changemaker_admin.team.grants import EndGrantPage, GrantPage
from changemaker_admin.team.inviting import InvitePage
from changemaker_admin.team.managing import TEAM_PATH
from changemaker_admin.team.person import PersonPage
from changemaker_core import Route

_PERSON: Final = f"{TEAM_PATH}/{{id}}"

CONTRIBUTIONS: Final = (
    Route(f"{TEAM_PATH}/invite", InvitePage()),
    Route(_PERSON, PersonPage()),
    Route(f"{_PERSON}/roles/new", GrantPage()),
    Route(f"{_PERSON}/roles/{{grant}}/end", EndGrantPage()),
    Route(f"{_PERSON}/sessions/{{session}}/end", EndSessionPage()),
    *(Route(f"{_PERSON}/{act.name}", ActPage(act)) for act in PLAIN),
    *(Route(f"{_PERSON}/{act.name}", ConfirmedActPage(act)) for act in CONFIRMED),
)
