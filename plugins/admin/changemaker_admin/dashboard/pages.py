"""``/admin``: the dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from changemaker_admin.dashboard import own
from changemaker_admin.dashboard.reading import dashboard_of
from changemaker_admin.dashboard.settings import GROUP
from changemaker_core import (
    NavigationEntry,
    Redirect,
    Route,
    TemplateResponse,
    Text,
    endpoint,
    flash,
)
from changemaker_core.features.settings.api import save_settings

if TYPE_CHECKING:
    from changemaker_core import Form, Request, Response


class DashboardPage:
    """``/admin``"""

    @endpoint(permission="accounts.me.read")
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """What happens today, and what waits for a person."""
        assert req.actor is not None  # noqa: S101  # the endpoint has a permission
        shown = await dashboard_of(req.site, req.actor)
        return TemplateResponse("admin/dashboard.html", {"shown": shown})


class HideChecklist(msgspec.Struct):
    """The button that puts the checklist away; it has no fields."""


class ChecklistPage:
    """``/admin/checklist``"""

    @endpoint(permission="settings.write", form=HideChecklist)
    async def on_post(self, req: Request, resp: Response, *, form: Form[HideChecklist]) -> Redirect:
        """Hide the first steps, for everybody."""

        hidden = Text("The first steps are hidden. You can show them again in the settings.")
        put_away = {"checklist": False}
        await save_settings(req.site, GROUP.name, put_away, also=lambda tx: flash(tx, req, hidden))
        return Redirect("/admin")


CONTRIBUTIONS = (
    Route("/admin", DashboardPage()),
    Route("/admin/checklist", ChecklistPage()),
    NavigationEntry(
        Text("Dashboard"), "/admin", order=0, permission="accounts.me.read", icon="home"
    ),
    GROUP,
    *own.CARDS,
    *own.ATTENTION,
    *own.STEPS,
)
