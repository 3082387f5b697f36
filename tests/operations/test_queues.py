"""Queues are held and released over HTTP."""

from __future__ import annotations

import pytest

from changemaker_core import Job, Plugin, Role
from changemaker_core.jobs.held_queues.trials import hold_until_success
from changemaker_core.testing import run_jobs, signed_in

pytestmark = pytest.mark.database("sqlite")
MANAGE = "operations.queues.manage"


class HelloPlugin(Plugin):
    name = "hello"
    ran: list[str] = []  # noqa: RUF012  # emptied by each test

    contributes = (
        Job("hello.greet", lambda run, name: HelloPlugin.ran.append(name), queue="hello"),
        Role("OPERATOR", "Runs the site", frozenset({MANAGE, "operations.jobs.read"})),
    )


async def test_a_queue_is_held_and_released(open_app):
    HelloPlugin.ran.clear()
    async with open_app(HelloPlugin) as app, signed_in(app, "OPERATOR") as operator:
        held = await operator.post("/api/queues/hello/hold", json={"note": "<b>moves</b>"})
        assert held.status_code == 204
        again = await operator.post("/api/queues/hello/hold", json={})
        assert (again.status_code, again.json()["code"]) == (409, "queue_held")
        await app.site.db.write(lambda tx: tx.enqueue("hello.greet", {"name": "Ann"}))
        await run_jobs(app.site)
        assert HelloPlugin.ran == []
        (shown,) = (await operator.get("/api/queues")).json()["held"]
        assert (shown["queue"], shown["note"]) == ("hello", "<b>moves</b>")
        tried = await operator.post("/api/queues/hello/try")
        assert (tried.status_code, tried.json()["code"]) == (409, "queue_not_tried")
        assert (await operator.post("/api/queues/hello/release")).status_code == 204
        await run_jobs(app.site)
        assert HelloPlugin.ran == ["Ann"]
        twice = await operator.post("/api/queues/hello/release")
        assert (twice.status_code, twice.json()["code"]) == (409, "queue_not_held")
        assert (await operator.post("/api/queues/nothing/hold", json={})).status_code == 404


async def test_one_job_of_a_queue_that_waits_for_a_server_is_tried_at_once(open_app):
    HelloPlugin.ran.clear()
    async with open_app(HelloPlugin) as app, signed_in(app, "OPERATOR") as operator:
        await app.site.db.write(lambda tx: tx.enqueue("hello.greet", {"name": "Ann"}))
        await app.site.db.write(hold_until_success, "hello", "unreachable", "timed out")
        await run_jobs(app.site)
        assert HelloPlugin.ran == []
        assert (await operator.post("/api/queues/hello/try")).status_code == 204
        await run_jobs(app.site)
        assert HelloPlugin.ran == ["Ann"]


async def test_queues_are_held_by_those_who_may(open_app):
    async with open_app(HelloPlugin) as app, signed_in(app, "USER") as user:
        for what in ("hold", "release", "try"):
            refused = await user.post(f"/api/queues/hello/{what}", json={})
            assert refused.status_code == 403
