"""The id of a request goes along: into its log, its jobs, and the jobs that those enqueue."""

from __future__ import annotations

import json
import logging
from typing import Any

from changemaker_core import Job, JobRun, Plugin, Route, endpoint, hookimpl
from changemaker_core.jobs.models import CoreJob
from changemaker_core.server.logs import JsonLines
from changemaker_core.testing import client_of, run_jobs

log = logging.getLogger("planting")


def plant(run: JobRun) -> None:
    log.warning("planting")
    run.done(lambda tx: tx.enqueue("planting.water", {}))


def water(run: JobRun) -> None:
    log.warning("watering")


class Beds:
    """``/api/beds``"""

    @endpoint(public=True, status=202)
    async def on_post(self, req: Any, resp: Any) -> dict[str, str]:
        """Have a bed planted."""
        log.warning("a bed")
        await req.site.db.write(lambda tx: tx.enqueue("planting.plant", {}))
        return {"id": req.request_id}


class PlantingPlugin(Plugin):
    name = "planting"

    @hookimpl
    def cm_register_routes(self) -> list[Route]:
        return [Route("/api/beds", Beds())]

    @hookimpl
    def cm_register_jobs(self) -> list[Job]:
        return [Job("planting.plant", plant), Job("planting.water", water)]


class Lines(logging.Handler):
    """The log, as a process writes it where it is written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []
        self.setFormatter(JsonLines())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))


async def test_jobs_and_their_lines_have_the_id_of_the_request(open_app: Any) -> None:
    handler = Lines()
    log.addHandler(handler)
    try:
        async with open_app(PlantingPlugin) as app, client_of(app) as client:
            id = (await client.post("/api/beds")).json()["id"]
            await run_jobs(app.site)
            rows = await app.site.db.read(lambda: list(CoreJob.select().dicts()))
    finally:
        log.removeHandler(handler)
    own = [row for row in rows if row["name"].startswith("planting.")]
    assert {row["name"]: row["request_id"] for row in own} == {
        "planting.plant": id,
        "planting.water": id,
    }
    assert [(line["message"], line["request_id"]) for line in handler.lines] == [
        ("a bed", id),
        ("planting", id),
        ("watering", id),
    ]
    others = {row["request_id"] for row in rows if row not in own}
    assert others <= {None}
