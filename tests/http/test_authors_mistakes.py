"""What authors do wrong is said to them, with their own line, and to nobody else."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from changemaker_core import (
    Model,
    Plugin,
    Route,
    TemplateResponse,
    UUIDField,
    endpoint,
    hookimpl,
    new_id,
)
from changemaker_core.testing import client_of

#: The line of an error, in this file and not in core's.
HERE = re.compile(rf"{re.escape(str(Path(__file__)))}, line \d+")


class Slip(Model):
    id = UUIDField(primary_key=True, default=new_id)

    class Meta:
        table_name = "slips_slip"


def write(*_):
    Slip.create()


class Cached:
    runs = 0

    @endpoint(public=True, cache=60)
    async def on_get(self, req, resp, *, how):
        Cached.runs += 1
        return getattr(self, how)(req)

    def plain(self, req):
        return {"host": req.host, "locale": req.locale, "word": req.get_param("word")}

    def header(self, req):
        return {"agent": req.get_header("User-Agent")}

    def property(self, req):
        return {"agent": req.user_agent}

    def all(self, req):
        return {"headers": sorted(req.headers)}

    def raw(self, req):
        return {"agent": str(req.raw_headers.get(b"user-agent"))}

    def cookies(self, req):
        return req.cookies


class Fixed:
    @endpoint(public=True, cache=60, varies=())
    async def on_get(self, req, resp):
        return TemplateResponse("error.html", {"status": 200, "title": "Fine"})


class Slips:
    def __init__(self, site):
        self._site = site

    @endpoint(public=True)
    async def on_get(self, req, resp, *, how):
        db = self._site.db
        if how == "blocks":
            return db.sync.read(lambda: 1)
        if how == "writes":
            return await db.read(write)
        raise LookupError("the secret is 45")


class SlipsPlugin(Plugin):
    name = "slips"

    @hookimpl
    def cm_register_models(self):
        return [Slip]

    @hookimpl
    def cm_register_routes(self, site):
        return [
            Route("/cached/{how}", Cached()),
            Route("/fixed", Fixed()),
            Route("/slips/{how}", Slips(site)),
            Route("/api/slips/{how}", Slips(site)),
        ]


READS = ["header", "property", "all", "raw", "cookies"]


@pytest.mark.database("sqlite")
@pytest.mark.parametrize("how", READS)
async def test_in_development_a_cached_responder_that_reads_a_header_fails(open_app, how):
    async with open_app(SlipsPlugin, development=True) as app, client_of(app) as client:
        response = await client.get(f"/cached/{how}", headers={"Accept": "application/json"})
    assert response.status_code == 500
    told = response.json()["debug"][-1]
    assert "The cached response of /cached/{how} depends on" in told
    assert HERE.search(told)


@pytest.mark.database("sqlite")
@pytest.mark.parametrize("how", READS)
async def test_elsewhere_its_response_is_shared_with_nobody(open_app, how, caplog):
    async with open_app(SlipsPlugin) as app, client_of(app) as client:
        texts, before = [], Cached.runs
        for agent in ("one", "two", "one"):
            response = await client.get(f"/cached/{how}", headers={"User-Agent": agent})
            assert response.headers["cache-control"] == "no-store"
            texts.append(response.text)
        assert Cached.runs == before + 3
    if how in ("header", "property", "raw"):
        assert "two" in texts[1] and "two" not in texts[2]
    warnings = [each for each in caplog.records if "It is not cached." in each.getMessage()]
    assert len(warnings) == 1


@pytest.mark.database("sqlite")
async def test_what_is_a_part_of_the_key_may_be_read(open_app):
    async with open_app(SlipsPlugin, development=True) as app, client_of(app) as client:
        before = Cached.runs
        for _ in range(2):
            response = await client.get("/cached/plain?word=a")
            assert response.json() == {"host": "127.0.0.1", "locale": "en", "word": "a"}
        assert Cached.runs == before + 1


@pytest.mark.database("sqlite")
async def test_a_template_depends_on_the_language(open_app):
    async with open_app(SlipsPlugin, development=True) as app, client_of(app) as client:
        response = await client.get("/fixed", headers={"Accept": "application/json"})
        assert "depends on the reader's language" in response.json()["debug"][-1]


async def test_a_write_in_a_read_is_named(open_app):
    async with open_app(SlipsPlugin, development=True) as app, client_of(app) as client:
        await app.site.db.write(lambda tx: Slip.create_table())
        response = await client.get("/api/slips/writes")
        told = response.json()["debug"][-1]
        assert "this code writes inside of db.read()" in told
        assert HERE.search(told)
        assert await app.site.db.read(Slip.select().count) == 0


@pytest.mark.database("sqlite")
async def test_a_blocking_call_on_the_event_loop_is_refused_in_development(open_app, caplog):
    async with open_app(SlipsPlugin, development=True) as app, client_of(app) as client:
        response = await client.get("/api/slips/blocks")
        told = response.json()["debug"][-1]
        assert "use `await site.db…`" in told
        assert HERE.search(told)
    caplog.clear()
    async with open_app(SlipsPlugin) as app, client_of(app) as client:
        for _ in range(3):
            assert (await client.get("/api/slips/blocks")).json() == 1
    warnings = [each for each in caplog.records if "db.sync" in each.getMessage()]
    assert len(warnings) == 1
    assert warnings[0].levelno == logging.WARNING


@pytest.mark.database("sqlite")
async def test_a_developer_sees_the_line_that_failed(open_app):
    async with open_app(SlipsPlugin, development=True) as app, client_of(app) as client:
        page = await client.get("/slips/raises", headers={"Accept": "text/html"})
        assert page.status_code == 500
        assert "the secret is 45" in page.text and "raise LookupError" in page.text
        assert "/changemaker_core/" not in page.text


@pytest.mark.database("sqlite")
@pytest.mark.parametrize(
    ("development", "headers"),
    [
        (False, {}),
        (True, {"X-Forwarded-For": "127.0.0.1"}),
        (True, {"Forwarded": "for=127.0.0.1"}),
        (True, {"Via": "1.1 proxy"}),
        (True, {"Host": "rebound.example:4000"}),
        (True, {"Host": "127.0.0.1.rebound.example"}),
    ],
)
async def test_nobody_else_does(open_app, development, headers):
    async with open_app(SlipsPlugin, development=development) as app, client_of(app) as client:
        for path in ("/slips/raises", "/api/slips/raises"):
            response = await client.get(path, headers=headers)
            assert response.status_code == 500
            assert "secret" not in response.text and "debug" not in response.text


@pytest.mark.database("sqlite")
async def test_a_visitor_from_elsewhere_does_not_either(open_app):
    import httpx

    async with open_app(SlipsPlugin, development=True) as app:
        transport = httpx.ASGITransport(app, client=("192.0.2.1", 1), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            response = await client.get("/api/slips/raises")
            assert response.status_code == 500 and "debug" not in response.json()
