"""Service workers: at a stable address, with what they store by its version."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from changemaker_core import Plugin, ServiceWorker, hookimpl
from changemaker_core.plugin.errors import BootFailed
from changemaker_core.testing import client_of, source_problems

pytestmark = pytest.mark.database("sqlite")
#: A script that core ships stands for a plugin's own.
WORKER = ServiceWorker("garden.offline", "/garden", "core/problems.js", ("core/base.css",))


class GardenPlugin(Plugin):
    name = "garden"
    workers: tuple[ServiceWorker, ...] = (WORKER,)

    @hookimpl
    def cm_register_service_workers(self) -> list[ServiceWorker]:
        return list(self.workers)


def precache(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text.partition(";\n")[0].removeprefix("self.precache = "))
    return found


async def test_a_worker_may_serve_pages_outside_of_its_own_path(open_app: Any) -> None:
    async with open_app(GardenPlugin) as app, client_of(app) as client:
        response = await client.get("/service-workers/garden.offline")
        assert response.headers["service-worker-allowed"] == "/garden"
        assert response.headers["cache-control"] == "no-cache"
        assert response.headers["content-type"] == "text/javascript; charset=utf-8"
        stored = precache(response.text)
        assert stored["urls"] == [app.site.static.url("core/base.css")]
        assert stored["version"].startswith("garden.offline-")
        assert response.text.endswith(app.site.static.find("core/problems.js").body.decode())
        assert (await client.get("/service-workers/garden.other")).status_code == 404


async def test_everything_follows_the_mount_prefix(open_app: Any) -> None:
    async with open_app(GardenPlugin) as app:
        transport = httpx.ASGITransport(app=app, root_path="/act")
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            response = await client.get("/act/service-workers/garden.offline")
        assert response.headers["service-worker-allowed"] == "/act/garden"
        stored = precache(response.text)
        assert stored["scope"] == "/act/garden"
        assert stored["urls"] == [app.site.static.url("core/base.css", "/act")]
        markup = app.site.service_workers.markup("garden.offline", "/act")
        assert 'data-worker="/act/service-workers/garden.offline"' in markup
        assert 'data-scope="/act/garden"' in markup


@pytest.mark.parametrize(
    ("worker", "report"),
    [
        (ServiceWorker("tools.x", "/x", "core/problems.js"), "does not begin with 'garden.'"),
        (ServiceWorker("garden.x", "//x", "core/problems.js"), "not a path of this site"),
        (ServiceWorker("garden.x", "/garden", "core/problems.js"), "'/garden' twice"),
    ],
)
def test_a_wrong_worker_is_refused_at_boot(
    make_site: Any, monkeypatch: pytest.MonkeyPatch, worker: ServiceWorker, report: str
) -> None:
    monkeypatch.setattr(GardenPlugin, "workers", (WORKER, worker))
    with pytest.raises(BootFailed, match=report):
        make_site(GardenPlugin)


def test_a_worker_that_names_no_file_is_found_by_the_check(
    make_site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = ServiceWorker("garden.x", "/x", "garden/no.js", ("core/no.css",))
    monkeypatch.setattr(GardenPlugin, "workers", (worker,))
    found = source_problems(make_site(GardenPlugin))
    assert [(each.owner, each.status) for each in found] == [("garden", "error")] * 2
    assert "names no static file: 'garden/no.js'" in found[0].problem
