"""The log over HTTP and on the command line."""

from __future__ import annotations

import asyncio
import contextlib
import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from changemaker_core import Actor, Plugin, Role, Route, endpoint
from changemaker_core.cli import common, main
from changemaker_core.features.accounts import api as accounts
from changemaker_core.features.audit import exporting, sealing
from changemaker_core.features.audit.checks import check_chain
from changemaker_core.identity.origin import Origin, current_origin
from changemaker_core.testing import client_of, run_jobs, signed_in
from tests.audit.independent import verify


class Park:
    """``/api/parks/{id}``"""

    @endpoint(public=True, status=204)
    async def on_delete(self, req, resp, *, id):
        """Delete a park."""
        await req.site.db.write(lambda tx: tx.audit("parks.park.deleted", id, before={"n": id}))


def plant(run):
    """A job that changes something."""
    run.write(lambda tx: tx.audit("parks.park.planted", "p9", label='=HYPERLINK("x")'))


class ParksPlugin(Plugin):
    """A plugin whose changes are recorded."""

    name = "parks"
    contributes = (
        Route("/api/parks/{id}", Park()),
        Role("PARKS_AUDITOR", "Reads the log", frozenset({"audit.read"})),
    )


@pytest.fixture
async def app(open_app):
    async with open_app(ParksPlugin) as opened:
        yield opened


async def test_the_log_is_read_page_by_page(app):
    async with client_of(app) as visitor:
        for number in range(5):
            response = await visitor.delete(f"/api/parks/p{number}")
            assert response.status_code == 204, response.text
        assert (await visitor.get("/api/audit-log")).status_code == 401
    async with signed_in(app, "PARKS_AUDITOR") as auditor:
        parks = {"action": "parks.park.deleted"}
        first = (await auditor.get("/api/audit-log", params={**parks, "limit": 2})).json()
        assert [each["object_id"] for each in first["data"]] == ["p4", "p3"]
        entry = first["data"][0]
        assert (entry["actor"]["kind"], entry["client"]) == ("visitor", "127.0.0.0/24")
        assert entry["changes"] == [{"field": "n", "before": "p4", "after": None, "secret": False}]
        assert entry["request_id"] == response.headers["X-Request-ID"]
        cursor = first["pagination"]["next_cursor"]
        rest = await auditor.get("/api/audit-log", params={**parks, "cursor": cursor})
        assert [each["object_id"] for each in rest.json()["data"]] == ["p2", "p1", "p0"]
        middle = first["data"][1]["at"]
        since = await auditor.get("/api/audit-log", params={**parks, "since": middle})
        assert [each["object_id"] for each in since.json()["data"]] == ["p4", "p3"]
        until = await auditor.get("/api/audit-log", params={**parks, "until": middle})
        assert [each["object_id"] for each in until.json()["data"]] == ["p2", "p1", "p0"]
        by = {"actor": "nobody@example.org"}
        nobody = await auditor.get("/api/audit-log", params=by)
        assert (nobody.status_code, nobody.json()["errors"][0]["field"]) == (422, "actor")
        me = (await auditor.get("/api/auth/me")).json()
        assert (await auditor.delete("/api/parks/p9")).status_code == 204
        mine = (await auditor.get("/api/audit-log", params={"actor": me["email"]})).json()["data"]
        assert {each["actor"]["id"] for each in mine} == {me["id"]}
        one = await auditor.get("/api/audit-log", params={"object": "p3"})
        assert len(one.json()["data"]) == 1
        for wrong in ({"since": "yesterday"}, {"since": "2030-01-01T00:00:00"}, {"cursor": "x"}):
            assert (await auditor.get("/api/audit-log", params=wrong)).status_code == 422, wrong


async def test_the_log_is_downloaded(app):
    await asyncio.to_thread(app.site.db.sync.write, lambda tx: plant(_Run(tx)))
    async with signed_in(app, "PARKS_AUDITOR") as auditor:
        response = await auditor.get("/api/audit-log/export", params={"object": "p9"})
        assert response.headers["Content-Type"].startswith("text/csv")
        assert "'=HYPERLINK" in response.text
        excel = {"object": "p9", "format": "xlsx"}
        response = await auditor.get("/api/audit-log/export", params=excel)
        assert response.content[:2] == b"PK"


class _Run:
    def __init__(self, tx):
        self._tx = tx

    def write(self, fn):
        fn(self._tx)


async def test_the_job_seals_and_a_job_is_an_actor(open_app):
    from changemaker_core import Job

    class Plants:
        @endpoint(public=True, status=204)
        async def on_post(self, req, resp):
            """Have a tree planted."""
            await req.site.db.write(lambda tx: tx.enqueue("parks.plant", {}))

    class Planting(ParksPlugin):
        contributes = (
            *ParksPlugin.contributes,
            Route("/api/plants", Plants()),
            Job("parks.plant", plant),
        )

    async with open_app(Planting) as app:
        db = app.site.db
        async with client_of(app) as visitor:
            asked = await visitor.post("/api/plants")
        await db.write(lambda tx: tx.enqueue("audit.seal", {}))
        await run_jobs(app.site)
        await db.write(lambda tx: tx.enqueue("audit.seal", {}))
        await run_jobs(app.site)
        assert await db.read(sealing.signed_end, app.site) != (0, sealing.GENESIS)
        async with signed_in(app, "PARKS_AUDITOR") as auditor:
            page = await auditor.get("/api/audit-log", params={"object": "p9"})
        (entry,) = page.json()["data"]
        assert (entry["actor"]["kind"], entry["actor"]["name"]) == ("job", "parks.plant")
        assert entry["request_id"] == asked.headers["X-Request-ID"]
        assert entry["position"] is not None


def _interrupted(site):
    """Yield one line, and fail as a database does that goes away."""
    yield b"{}\n"
    raise RuntimeError("the database is away")


def test_the_command_verifies_lists_and_exports(make_site, monkeypatch, tmp_path):
    site = make_site(ParksPlugin)
    monkeypatch.setattr(common, "opened_site", lambda: contextlib.nullcontext(site))

    def call(*words, status=0):
        result = CliRunner().invoke(main, ["audit", *words])
        assert result.exit_code == status, result.output
        return result

    assert "There are no such entries." in call("list").stdout
    assert [each.detail for each in check_chain(site)] == ["The audit log has no entry yet."]
    site.db.sync.write(lambda tx: plant(_Run(tx)))
    assert [each.detail for each in check_chain(site)] == [
        "The audit log has 0 sealed entries; the latest wait for the job of each minute."
    ]
    assert "1 entries are not sealed yet." in call("verify").stdout
    site.db.sync.write(sealing.seal, site)
    report = json.loads(call("verify", "--json").stdout)
    assert (report["sealed"], report["problem"]) == (1, None)
    assert report["head"] in call("verify", "--head", report["head"]).stdout
    assert "noted hash" in call("verify", "--head", "0" * 63 + "1", status=1).stderr
    assert "64 hexadecimal" in call("verify", "--head", "abc", status=2).stderr
    assert "parks.park.planted" in call("list", "--object", "p9").stdout
    assert call("actions").stdout == "parks.park.planted\n"
    misspelt = call("list", "--action", "parks.park.plantd", status=1).stderr
    assert "Did you mean 'parks.park.planted'?" in misspelt
    assert "has no account" in call("list", "--actor", "robin@example.org", status=1).stderr
    who = {"email": "robin@example.org", "name": "Robin", "password": "wide river, slow boat"}
    robin, _ = accounts.create_user(site, role="USER", **who)

    def change(tx):
        tx.actor = Actor("user", robin, "Robin", frozenset())
        tx.audit("parks.park.planted", "p8", label="Parc\u00a0:\u202fnord\x1b[2J")

    origin = Origin("request", "r-17", address="192.0.2.7", request_id="r-17")
    cause = current_origin.set(SimpleNamespace(origin=origin))
    site.db.sync.write(change)
    current_origin.reset(cause)
    listed = call("list", "--actor", "Robin@example.org").stdout
    assert f"user Robin ({robin})  from 192.0.2.0/24  request r-17" in listed
    assert "Parc\u00a0:\u202fnord�[2J" in listed
    assert json.loads(call("list", "--json", "--since", "2999-01-01").stdout) == {"data": []}
    out = tmp_path / "log.jsonl"
    call("export", "--out", str(out))
    assert verify(out.read_text().splitlines()) == report["head"]
    assert [path.name for path in tmp_path.iterdir() if "jsonl" in path.name] == ["log.jsonl"]
    before = out.read_text()
    with monkeypatch.context() as failing:
        failing.setattr(exporting, "as_jsonl", _interrupted)
        call("export", "--out", str(out), status=1)
    assert out.read_text() == before
    assert [path.name for path in tmp_path.iterdir() if "jsonl" in path.name] == ["log.jsonl"]
    call("export", "--out", str(tmp_path / "none" / "log.jsonl"), status=1)
    assert "'=HYPERLINK" in call("export", "--format", "csv").stdout
    assert "--format csv" in call("export", "--object", "p9", status=2).stderr
