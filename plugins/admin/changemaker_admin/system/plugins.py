"""``/admin/plugins``: what is installed, and what each plugin brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_admin.system.states import PLUGIN_STATES
from changemaker_core import NotFound, TemplateResponse, Text, endpoint
from changemaker_core.features.operations import api

if TYPE_CHECKING:
    from changemaker_core import Request, Response

PATH = "/admin/plugins"


class PluginsPage:
    """``/admin/plugins``"""

    @endpoint(permission=api.READ_HEALTH)
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """The plugins of the site, in load order."""
        context = {"plugins": api.installed_plugins(req.site), "states": PLUGIN_STATES}
        return TemplateResponse("admin/system/plugins.html", context)


class PluginPage:
    """``/admin/plugins/{slug}``"""

    @endpoint(permission=api.READ_HEALTH)
    async def on_get(self, req: Request, resp: Response, *, slug: str) -> TemplateResponse:
        """One plugin: why it is where it is in the load order, and what it brings."""
        details = api.plugin_details(req.site, slug)
        if details is None:
            raise NotFound(Text("No plugin called {name} is installed.", name=slug))
        context = {"plugin": details, "badge": PLUGIN_STATES[details.status]}
        return TemplateResponse("admin/system/plugin.html", context)
