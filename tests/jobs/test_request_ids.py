"""The id of a request goes along: into its log, its jobs, and the jobs that those enqueue."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import peewee

from changemaker_core import Job, JobRun, Plugin, Query, Route, compiled, endpoint, hookimpl
from changemaker_core.db.slow import queries as slow_queries
from changemaker_core.jobs.models import CoreJob
from changemaker_core.server.logs import JsonLines
from changemaker_core.testing import client_of, run_jobs

log = logging.getLogger("planting")


def plant(run: JobRun) -> None:
    log.warning("planting")
    run.done(lambda tx: tx.enqueue("planting.water", {}))


def water(run: JobRun) -> None:
    log.warning("watering")
    run.write(lambda tx: tx.database.execute_sql("SELECT 7 AS watered"))


@compiled(int)
def beds() -> Query:
    return CoreJob.select(peewee.fn.COUNT(CoreJob.id))


class Beds:
    """``/api/beds``"""

    @endpoint(public=True, status=202)
    async def on_post(self, req: Any, resp: Any) -> dict[str, str]:
        """Have a bed planted."""
        log.warning("a bed")
        await req.site.db.write(lambda tx: tx.enqueue("planting.plant", {}))
        return {"id": req.request_id}

    @endpoint(public=True)
    async def on_get(self, req: Any, resp: Any) -> dict[str, int]:
        """Count them."""
        return {"beds": (await req.site.db.read(beds().all))[0]}


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


async def test_a_slow_query_is_logged_with_the_route_or_the_job(open_app: Any, caplog: Any) -> None:
    async with open_app(PlantingPlugin, log_slow_query_seconds=1e-9) as app:
        async with client_of(app) as client:
            posted = await client.post("/api/beds")
            read = await client.get("/api/beds")
        await run_jobs(app.site)
        await asyncio.to_thread(app.site.db.engine.slow.close)
    lines = [each for each in caplog.records if each.name == slow_queries.__name__]
    found = {
        name: next(each for each in lines if name in each.getMessage())
        for name in (f"{__name__}.beds", "SELECT 7 AS watered")
    }
    of_request, of_job = found.values()
    assert ".beds (GET /api/beds)\nSELECT COUNT(" in of_request.getMessage()
    assert of_request.request_id == read.headers["x-request-id"]
    assert " AS watered (job planting.water " in of_job.getMessage()
    assert of_job.request_id == posted.headers["x-request-id"]
