"""Jobs that ended without success are run again, by operators."""

from __future__ import annotations

from typing import Any

import pytest

from changemaker_core import Job, Plugin, RetryPolicy, hookimpl
from changemaker_core.jobs import CoreJob, job_detail, payload_of, retry_dead_jobs, retry_job
from changemaker_core.jobs.retrying import HIDDEN
from changemaker_core.testing import run_jobs


class GardenPlugin(Plugin):
    name = "garden"

    def __init__(self) -> None:
        self.watered: list[str] = []
        self.is_dry = True

    @hookimpl
    def cm_register_jobs(self) -> list[Job]:
        return [Job("garden.water", self.water, queue="garden", retries=RetryPolicy(attempts=1))]

    def water(self, run: Any, tree: str, **rest: Any) -> None:
        if self.is_dry:
            raise ValueError("the can is empty")
        self.watered.append(tree)


@pytest.fixture
async def garden(open_app: Any) -> Any:
    async with open_app(GardenPlugin) as app:
        yield app.site


async def enqueue(site: Any, lane: str | None = None, **payload: Any) -> str:
    return str(await site.db.write(lambda tx: tx.enqueue("garden.water", payload, lane=lane)))


def plugin_of(site: Any) -> GardenPlugin:
    plugin = site.loaded.plugin("garden").instance
    assert isinstance(plugin, GardenPlugin)
    return plugin


@pytest.mark.parametrize("lane", [None, "trees"])
async def test_a_failed_job_is_run_again_once(garden: Any, lane: str | None) -> None:
    job = await enqueue(garden, lane, tree="oak")
    await run_jobs(garden)
    assert await garden.db.write(retry_job, job)
    assert not await garden.db.write(retry_job, job)  # somebody else was faster
    plugin_of(garden).is_dry = False
    await enqueue(garden, lane, tree="elm")
    await run_jobs(garden)
    assert sorted(plugin_of(garden).watered) == ["elm", "oak"]
    detail = await garden.db.read(job_detail, job)
    assert (detail.state, detail.attempts) == ("done", 1)
    assert not await garden.db.write(retry_job, job)


@pytest.mark.parametrize(
    ("state", "is_run"),
    [("dead", True), ("unknown", True), ("cancelled", True), ("done", False), ("queued", False)],
)
async def test_only_what_ended_without_success_is_run_again(
    garden: Any, state: str, is_run: bool
) -> None:
    job = await enqueue(garden, tree="oak")

    def end(tx: Any) -> None:
        CoreJob.update(state=state, due_at=None, finished_at=tx.now).where(
            CoreJob.id == job
        ).execute()

    await garden.db.write(end)
    assert await garden.db.write(retry_job, job) is is_run


async def test_a_cancelled_job_that_is_run_again_is_not_cancelled_again(garden: Any) -> None:
    plugin_of(garden).is_dry = False
    job = await enqueue(garden, tree="oak")
    assert await garden.db.write(lambda tx: tx.cancel(job))
    await run_jobs(garden)
    assert await garden.db.write(retry_job, job)
    await run_jobs(garden)
    assert plugin_of(garden).watered == ["oak"]


async def test_the_failed_jobs_of_a_queue_are_run_again(garden: Any) -> None:
    for tree in ("oak", "elm"):
        await enqueue(garden, tree=tree)
    await run_jobs(garden)
    plugin_of(garden).is_dry = False
    assert await garden.db.write(retry_dead_jobs, "mail") == 0
    assert await garden.db.write(retry_dead_jobs, "garden") == 2
    await run_jobs(garden)
    assert sorted(plugin_of(garden).watered) == ["elm", "oak"]


@pytest.mark.database("sqlite")
async def test_a_payload_is_shown_without_its_secrets(garden: Any) -> None:
    job = await enqueue(
        garden,
        tree="o" * 900,
        api_key="k-1",
        parts=[{"reset_token": "t-1", "kind": "leaf"}],
        count=3,
    )
    shown = await garden.db.read(payload_of, job)
    assert shown == {
        "tree": "o" * 500 + "…",
        "api_key": HIDDEN,
        "parts": [{"reset_token": HIDDEN, "kind": "leaf"}],
        "count": 3,
    }
