"""Pocket: the manifest, and its one page."""

from __future__ import annotations

import msgspec

from changemaker_core import (
    NavigationEntry,
    PageMetadata,
    Plugin,
    Request,
    Response,
    Route,
    ServiceWorker,
    Site,
    TemplateResponse,
    Text,
    endpoint,
    hookimpl,
)

STORED = ("core/base.css", "core/frame.css", "core/forms.css", "core/favicon.svg")


class PocketConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[pocket]`` in ``changemaker.toml``: each number as ``"Legal help: 1 613 555-0100"``."""

    numbers: tuple[str, ...] = ()


class PocketPage:
    """``/pocket``"""

    def __init__(self, site: Site) -> None:
        numbers = (each.partition(":") for each in site.config_of(PocketConfig).numbers)
        self._numbers = [(whom.strip(), number.strip()) for whom, _, number in numbers]

    @endpoint(public=True, cache=60)
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """Show the numbers."""
        metadata = PageMetadata(Text("Numbers to call"), Text("Open this page before you leave."))
        return TemplateResponse("pocket/pocket.html", {"numbers": self._numbers}, metadata=metadata)


class PocketPlugin(Plugin):
    """Telephone numbers for a march."""

    name = "pocket"
    config = PocketConfig

    @hookimpl
    def cm_register_routes(self, site: Site) -> list[Route]:
        return [Route("/pocket", PocketPage(site))]

    @hookimpl
    def cm_register_navigation(self) -> list[NavigationEntry]:
        return [NavigationEntry(Text("Numbers to call"), "/pocket")]

    @hookimpl
    def cm_register_service_workers(self) -> list[ServiceWorker]:
        return [ServiceWorker("pocket.offline", "/pocket", "pocket/worker.js", STORED)]
