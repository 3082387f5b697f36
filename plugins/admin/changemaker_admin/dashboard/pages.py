"""``/admin``: the dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import TemplateResponse, endpoint

if TYPE_CHECKING:
    from changemaker_core import Request, Response


class DashboardPage:
    """``/admin``"""

    @endpoint(permission="accounts.me.read")
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """What happens today, and what waits for a person."""
        return TemplateResponse("admin/dashboard.html", {})
