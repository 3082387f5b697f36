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
    TemplateResponse,
    Text,
    endpoint,
)

STORED = ("core/base.css", "core/frame.css", "core/forms.css", "core/favicon.svg")


class PocketConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[pocket]`` in ``changemaker.toml``: each number as ``"Legal help: 1 613 555-0100"``."""

    numbers: tuple[str, ...] = ()


class PocketPage:
    """``/pocket``"""

    @endpoint(public=True, cache=60)
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """Show the numbers."""
        lines = (each.partition(":") for each in req.site.config_of(PocketConfig).numbers)
        numbers = [(whom.strip(), number.strip()) for whom, _, number in lines]
        metadata = PageMetadata(Text("Numbers to call"), Text("Open this page before you leave."))
        return TemplateResponse("pocket/pocket.html", {"numbers": numbers}, metadata=metadata)


class PocketPlugin(Plugin):
    """Telephone numbers for a march."""

    name = "pocket"
    config = PocketConfig
    contributes = (
        Route("/pocket", PocketPage()),
        NavigationEntry(Text("Numbers to call"), "/pocket"),
        ServiceWorker("pocket.offline", "/pocket", "pocket/worker.js", STORED),
    )
