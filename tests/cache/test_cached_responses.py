"""Cached responses of a whole app: never older than the database."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from changemaker_core import (
    Model,
    Route,
    UUIDField,
    endpoint,
    hookimpl,
    new_id,
)
from changemaker_core.app import create_app
from changemaker_core.http.request import Visitors
from changemaker_core.testing.fixtures.site import client_of
from tests.bench.notes import Note, NotesPlugin, put


class Other(Model):
    id = UUIDField(primary_key=True, default=new_id)

    class Meta:
        table_name = "notes_other"


def touch_other(tx):
    Other.create()


class Greeting:
    @endpoint(public=True, cache=60)
    async def on_get(self, req, resp):
        return {"locale": req.locale, "host": req.host, "root": req.root_path}


class CachedPlugin(NotesPlugin):
    @hookimpl
    def cm_register_models(self):
        return [Note, Other]

    @hookimpl
    def cm_register_routes(self, site):
        return [*super().cm_register_routes(site), Route("/greeting", Greeting())]


def create_tables(tx):
    Note.create_table()
    Other.create_table()


@pytest.fixture
async def app(open_app):
    async with open_app(CachedPlugin) as app:
        await app.site.db.write(create_tables)
        yield app


@pytest.fixture
async def client(app):
    async with client_of(app) as client:
        yield client


@pytest.fixture
def notes(app):
    return app.site.loaded.plugin("notes").instance.notes


async def test_the_second_response_is_cached(app, client, notes):
    await app.site.db.write(put, "a", "one")
    first, second = [await client.get("/api/notes/a") for _ in range(2)]
    assert first.json() == second.json() == {"slug": "a", "text": "one"}
    assert notes.runs == 1
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert second.headers["cache-control"] == "no-cache"
    assert "content-security-policy" in second.headers
    metrics = (await client.get("/api/metrics")).text
    assert 'http_request_total{method="GET",route="/api/notes/{slug}",status="200"} 2.0' in metrics


async def test_a_write_to_another_table_drops_nothing(app, client, notes):
    await app.site.db.write(put, "a", "one")
    await client.get("/api/notes/a")
    await app.site.db.write(touch_other)
    await client.get("/api/notes/a")
    assert notes.runs == 1
    await app.site.db.write(put, "b", "two")
    await client.get("/api/notes/a")
    assert notes.runs == 2


async def test_conditional_requests(app, client):
    await app.site.db.write(put, "a", "one")
    tag = (await client.get("/api/notes/a")).headers["etag"]
    same = await client.get("/api/notes/a", headers={"If-None-Match": tag})
    assert same.status_code == 304 and same.content == b"" and same.headers["etag"] == tag
    await app.site.db.write(put, "a", "two")
    other = await client.get("/api/notes/a", headers={"If-None-Match": tag})
    assert other.status_code == 200 and other.headers["etag"] != tag


async def test_head_uses_the_same_cached_response(app, client, notes):
    await app.site.db.write(put, "a", "one")
    head = await client.head("/api/notes/a")
    got = await client.get("/api/notes/a")
    again = await client.head("/api/notes/a")
    assert head.content == again.content == b"" and got.json()["text"] == "one"
    assert head.headers["content-length"] == again.headers["content-length"]
    assert notes.runs == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer x"},
        {"Signature": "x"},
        {"Cookie": "session=1"},
        {"Cookie": "cm_lang=fr; session=1"},
    ],
)
async def test_requests_with_credentials_bypass_the_cache(app, client, notes, headers):
    await app.site.db.write(put, "a", "one")
    await client.get("/api/notes/a")
    response = await client.get("/api/notes/a", headers=headers)
    assert notes.runs == 2
    assert response.headers["cache-control"] == "no-store"


async def test_a_bad_api_key_is_refused_though_the_response_is_cached(app, client):
    await app.site.db.write(put, "a", "one")
    assert (await client.get("/api/notes/a")).status_code == 200
    response = await client.get("/api/notes/a", headers={"X-Api-Key": "x"})
    assert response.status_code == 401


async def test_responses_vary_by_language_host_and_prefix(client):
    seen = [
        (await client.get("/greeting", headers=headers)).json()
        for headers in [
            {},
            {"Accept-Language": "fr"},
            {"Cookie": "cm_lang=fr"},
            {"Host": "evil.example"},
        ]
    ]
    assert [each["locale"] for each in seen] == ["en", "fr", "fr", "en"]
    assert [each["host"] for each in seen] == ["127.0.0.1"] * 3 + ["evil.example"]


async def test_404_is_not_cached(app, client, notes):
    assert (await client.get("/api/notes/a")).status_code == 404
    await app.site.db.write(put, "a", "one")
    assert (await client.get("/api/notes/a")).status_code == 200


async def test_concurrent_misses_run_one_query(app, client, notes):
    await app.site.db.write(put, "a", "one")
    responses = await asyncio.gather(*(client.get("/api/notes/a") for _ in range(200)))
    assert {each.status_code for each in responses} == {200}
    assert notes.runs == 1


steps = st.lists(
    st.tuples(
        st.sampled_from(["read", "read", "write", "write elsewhere", "both at once"]),
        st.sampled_from(["a", "b"]),
        st.integers(0, 99).map(str),
    ),
    max_size=25,
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=steps)
def test_no_response_is_older_than_the_database(steps, tmp_path_factory, make_config):
    """Two apps over one database, as two processes have it; each write is seen by the next
    request to either."""
    folder = tmp_path_factory.mktemp("site")
    asyncio.run(run_steps(steps, make_config(database_url=f"sqlite:///{folder}/site.db")))


async def run_steps(steps, config):
    from changemaker_core.testing.fixtures.site import migrate

    apps = [create_app(config, [CachedPlugin]) for _ in range(2)]
    migrate(apps[0].site)
    expected = {}
    async with apps[0].lifespan(), apps[1].lifespan():
        await apps[0].site.db.write(create_tables)
        async with client_of(apps[0]) as here, client_of(apps[1]) as there:
            for action, slug, text in steps:
                if action == "both at once":
                    reads = [here.get(f"/api/notes/{slug}"), there.get(f"/api/notes/{slug}")]
                    write = there.put(f"/api/notes/{slug}", json={"slug": slug, "text": text})
                    await asyncio.gather(*reads, write)
                    expected[slug] = text
                elif action != "read":
                    writer = here if action == "write" else there
                    await writer.put(f"/api/notes/{slug}", json={"slug": slug, "text": text})
                    expected[slug] = text
                for client in (here, there):
                    response = await client.get(f"/api/notes/{slug}")
                    assert response.json().get("text") == expected.get(slug)


async def test_long_keys_are_not_cached(app, client):
    for n in range(3):
        response = await client.get(f"/greeting?{n}={'x' * 1_000}")
        assert response.status_code == 200
        # No host has so long a name.
        long = {"Host": f"{'h' * 1_000}{n}.org"}
        assert (await client.get("/greeting", headers=long)).status_code == 400
    assert len(app.site.cache) == 0


async def test_long_languages_and_cookies_are_not_remembered(app):
    visitors = Visitors(app.site.translations)
    for n in range(3):
        assert visitors.of(b"fr", b"a=%d; cm_lang=en" % n + b"x" * 1_000).identified
        assert visitors.of(b"fr," + b"x" * 1_000, None).locale == "fr"
    assert visitors.remembered.cache_info().currsize == 0
    assert visitors.of(b"fr", b"cm_lang=en") == ("en", False)
    assert visitors.remembered.cache_info().currsize == 1


async def test_a_cache_of_size_0_stores_nothing(open_app):
    async with open_app(CachedPlugin, cache_bytes=0) as app, client_of(app) as client:
        await app.site.db.write(create_tables)
        await app.site.db.write(put, "a", "one")
        responses = [await client.get("/api/notes/a") for _ in range(2)]
        assert [response.json() for response in responses] == [{"slug": "a", "text": "one"}] * 2
        assert app.site.loaded.plugin("notes").instance.notes.runs == 2
        assert len(app.site.cache) == 0
