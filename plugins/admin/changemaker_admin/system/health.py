"""``/admin/health``: whether the site is well, and what its checks find."""

from __future__ import annotations

import asyncio
import platform
import shutil
from typing import TYPE_CHECKING

import msgspec

from changemaker_core import TemplateResponse, endpoint
from changemaker_core.features.operations import api

if TYPE_CHECKING:
    from pathlib import Path

    from changemaker_core import Request, Response

PATH = "/admin/health"


class Disk(msgspec.Struct, frozen=True):
    """A disk that the site writes to; ``holds`` is what, sizes are in bytes."""

    holds: str
    free: int
    total: int


class HealthPage:
    """``/admin/health``"""

    @endpoint(permission=api.READ_HEALTH)
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """Whether the site is well: its health checks, disks, versions and queues."""
        site = req.site
        health = await api.health_checks(site).run()
        core = next(each for each in site.plugins() if each.core)
        context = {
            "health": api.shown_to_operators(health, core.version or ""),
            "disks": await asyncio.to_thread(_disks, site.config.disks()),
            "database": site.db.dialect,
            "python": platform.python_version(),
            "held": await site.db.all(api.holds()),
            "reasons": api.REASONS,
            "plugins": [each for each in api.installed_plugins(site) if not each.core],
        }
        return TemplateResponse("admin/system/health.html", context)


class ChecksPage:
    """``/admin/health/checks``"""

    @endpoint(permission=api.READ_HEALTH, rate_limit="10/minute")
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """What all checks of core and plugins find, as ``changemaker doctor`` reports it."""
        found = [finding for _, finding in await api.check_site(req.site)]
        order = {"error": 0, "warning": 1, "ok": 2}
        found.sort(key=lambda each: order[each.status])
        return TemplateResponse("admin/system/checks.html", {"findings": found})


def _disks(folders: dict[str, Path]) -> list[Disk]:
    """Return the disks that can be looked at; of others the health checks say why not."""
    found = []
    for holds, folder in folders.items():
        try:
            usage = shutil.disk_usage(folder)
        except OSError:
            continue
        found.append(Disk(holds, usage.free, usage.total))
    return found
