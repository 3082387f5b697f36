"""Declarations, and what they do to a request before its responder is called."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest

from changemaker_core import Body, endpoint
from changemaker_core.http.bodies import reading

pytestmark = pytest.mark.database("sqlite")

GOOD = {"name": "Ada", "email": "ada@example.org"}
GOOD_BEARER = {"Authorization": "Bearer good"}


class Empty(Body):
    pass


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"public": True, "permission": "a.b.c"},
        {"public": True, "body": Empty, "form": Empty},
        {"public": True, "status": 404},
        {"permission": "a.b.c", "cache": 60},
        {"public": True, "cache": 0},
        {"public": True, "body": dict},
        {"public": True, "rate_limit": "often"},
        {"public": True, "body": Empty},
    ],
)
def test_a_wrong_declaration_is_refused_where_it_stands(options):
    with pytest.raises((TypeError, ValueError)):

        @endpoint(**options)
        async def on_get(self, req, resp):
            """Takes no body."""


def test_a_responder_must_be_async_and_only_get_is_cached():
    with pytest.raises(TypeError, match="async def"):

        @endpoint(public=True)
        def on_get(self, req, resp):
            """Not async."""

    with pytest.raises(TypeError, match="cannot be cached"):

        @endpoint(public=True, cache=10)
        async def on_post(self, req, resp):
            """Not GET."""


async def test_a_good_body_is_typed(client):
    response = await client.post("/api/things", json=GOOD)
    assert response.status_code == 201
    assert response.json() == {**GOOD, "copies": 1}


async def test_every_error_of_a_body_is_listed(client):
    response = await client.post("/api/things", json={"email": "x", "copies": 10, "more": 1})
    assert response.status_code == 422
    assert response.json()["code"] == "validation_failed"
    assert {error["field"] for error in response.json()["errors"]} == {
        "name",
        "email",
        "copies",
        "more",
    }
    assert {error["in"] for error in response.json()["errors"]} == {"body"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**GOOD, **{f"more{n}": n for n in range(5_000)}}, ""),
        ({"email": "x", "more": [0] * 2_000}, "email"),
    ],
    ids=["names", "list"],
)
async def test_of_a_body_with_thousands_of_values_the_first_error_is_listed(client, body, field):
    """All of them would take seconds to find, and be many times as long as the body."""
    response = await client.post("/api/things", json=body)
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert (error["field"], error["in"]) == (field, "body")
    assert error["message"]


async def test_errors_are_translated(client):
    french = {"Accept-Language": "fr"}
    response = await client.post("/api/things", json={**GOOD, "copies": 10}, headers=french)
    [error] = response.json()["errors"]
    assert error["message"] and "at most" not in error["message"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[1]",
        b"nul",
        b"\xff\xfe",
        b'{"name": "\xff"}',
        b'{"name": "\\ud800"}',
        b'{"name": 1e999}',
        b"[" * 200_000,
        b'{"name":' * 50_000,
        b"1" * 10_000,
        json.dumps({**GOOD, "name": "a\0b"}).encode(),
    ],
)
async def test_a_hostile_body_is_a_4xx(client, raw):
    response = await client.post(
        "/api/things", content=raw, headers={"Content-Type": "application/json"}
    )
    assert response.status_code in (400, 422), response.text
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "sent", "status"),
    [
        ("/api/things", "application/json; charset=utf-8", 201),
        ("/api/things", "application/merge-patch+json", 201),
        ("/api/things", "text/plain", 415),
        ("/api/things", "application/x-www-form-urlencoded", 415),
        ("/api/things", None, 415),
        ("/form", "application/json", 415),
        ("/form", "multipart/form-data", 415),
        ("/form", "application/x-www-form-urlencoded", 200),
    ],
)
async def test_the_content_type_must_fit(client, path, sent, status):
    headers = {"Content-Type": sent} if sent else {}
    response = await client.post(path, content=json.dumps(GOOD).encode(), headers=headers)
    assert response.status_code == status


async def test_a_query_is_typed_and_its_errors_are_listed(client):
    response = await client.get("/api/things?limit=5&word=a+b&utm_source=x&offset=")
    assert response.json() == {"limit": 5, "word": "a b"}
    refused = await client.get("/api/things?limit=999&offset=x")
    assert refused.status_code == 422
    assert [(each["in"], each["field"]) for each in refused.json()["errors"]] == [
        ("query", "limit"),
        ("query", "offset"),
    ]


async def test_a_form_carries_its_errors_to_the_responder(client):
    response = await client.post("/form", data={"name": "Ada", "email": "x", "submit": "1"})
    assert response.status_code == 200
    assert list(response.json()["errors"]) == ["email"]
    assert (await client.post("/form", data=GOOD)).json()["valid"] is True
    assert (await client.post("/form", data={**GOOD, "name": "a\0"})).status_code == 400


async def chunks(count, size):
    for _ in range(count):
        yield b"x" * size


@pytest.mark.parametrize("path", ["/api/things", "/api/upload"])
async def test_a_body_bomb_is_refused(client, path):
    headers = {"Content-Type": "application/json"}
    declared = await client.post(path, content=b"x" * 1_000_001, headers=headers)
    chunked = await client.post(path, content=chunks(20, 60_000), headers=headers)
    for response in (declared, chunked):
        assert response.status_code == 413
        assert response.json()["code"] == "too_large"
        assert response.headers["connection"] == "close"


async def test_an_endpoint_may_have_its_own_limit(client):
    long = {**GOOD, "email": f"{'a' * 60}@{'b' * 150}.org"}
    assert (await client.post("/api/upload", json=long)).status_code == 413
    assert (await client.post("/api/upload", json=GOOD)).status_code == 200


async def test_a_bomb_is_not_read_to_its_end(app, exchange_with):
    events = [{"type": "http.request", "body": b"x" * 60_000, "more_body": True}] * 100
    headers = [(b"host", b"h.org"), (b"content-type", b"application/json")]
    waiting = list(events)
    sent = await exchange_with(
        app, method="POST", path="/api/things", headers=headers, events=waiting
    )
    assert sent[0]["status"] == 413


async def test_half_a_body_is_never_acted_on(counting, exchange_with):
    """What came is a whole form by itself; the client went away before the rest."""
    events = [
        {"type": "http.request", "body": b"name=Ada&email=a@b.org", "more_body": True},
        {"type": "http.disconnect"},
    ]
    headers = [(b"host", b"h"), (b"content-type", b"application/x-www-form-urlencoded")]
    asked = {"method": "POST", "path": "/form", "headers": headers}
    sent = await exchange_with(counting, events=events, **asked)
    assert sent == []
    assert b'route="/form",status="499"' in await counting.site.metrics.exposition()


async def test_a_body_must_arrive_in_time(app, monkeypatch):
    monkeypatch.setattr(reading, "WHOLE_SECONDS", 0.05)
    sent = []

    async def receive(first=[1]):  # noqa: B006 -- remembers between calls
        if first:
            first.clear()
            return {"type": "http.request", "body": b"{", "more_body": True}
        await asyncio.sleep(60)

    async def send(event):
        sent.append(event)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/api/things",
        "query_string": b"",
        "headers": [(b"host", b"h"), (b"content-type", b"application/json")],
    }
    await app(scope, receive, send)
    assert sent[0]["status"] == 408


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [
        (None, 401, "unauthorized"),
        ("Bearer bad", 401, "unauthorized"),
        ("Bearer weak", 403, "forbidden"),
        ("Bearer good", 204, None),
    ],
)
async def test_permissions(client, token, status, code):
    headers = {"Authorization": token} if token else {}
    response = await client.delete("/api/things", headers=headers)
    assert response.status_code == status
    if code:
        assert response.json()["code"] == code
    assert ("www-authenticate" in response.headers) is (status == 401)


async def test_the_actor_is_known_to_public_responders_and_not_beyond(client):
    known = (await client.get("/api/seen", headers=GOOD_BEARER)).json()
    assert (known["actor"], known["acting"]) == ("u1", "u1")
    after = (await client.get("/api/seen")).json()
    assert (after["actor"], after["acting"]) == (None, None)
    ended = await client.get("/api/seen", headers={"Authorization": "Bearer bad"})
    assert ended.status_code == 200 and ended.json()["actor"] is None


OWN = "http://127.0.0.1:4000"


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"Origin": OWN}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://127.0.0.1:4001"}, False),
        ({"Origin": OWN + ".evil.example"}, False),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": OWN}, False),
        ({"Sec-Fetch-Site": "cross-site", **GOOD_BEARER}, True),
        ({"Sec-Fetch-Site": "cross-site", "X-Api-Key": "k"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Authorization": "Basic eDp5"}, False),
        ({"Origin": "https://evil.example", "Cookie": "session=1"}, False),
        # A name that leads here by somebody else's DNS, and this machine's own.
        ({"Origin": "http://evil.example:4000", "Host": "evil.example:4000"}, False),
        ({"Origin": "http://localhost:4000", "Host": "localhost:4000"}, True),
        ({"Origin": "http://[::1]:4000", "Host": "[::1]:4000"}, True),
        ({"Origin": "http://192.168.1.7:4000", "Host": "192.168.1.7:4000"}, True),
    ],
)
async def test_other_sites_forms_are_refused(client, method, headers, allowed):
    path, data = ("/form", GOOD) if method == "POST" else ("/api/things", None)
    response = await client.request(
        method, path, data=data, headers={"Accept": "*/json", **headers}
    )
    refused = response.status_code == 403 and response.json()["code"] == "cross_site_request"
    assert refused is not allowed


async def test_reading_is_not_guarded(client):
    response = await client.get("/api/things", headers={"Sec-Fetch-Site": "cross-site"})
    assert response.status_code == 200


async def test_a_rate_limit_says_when_to_come_again(client):
    responses = [await client.get("/api/seldom") for _ in range(3)]
    assert [each.status_code for each in responses] == [200, 200, 429]
    assert responses[0].headers["ratelimit-policy"] == '"route";q=2;w=3600'
    assert 0 < int(responses[2].headers["retry-after"]) <= 2 * 3600


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nothing", 404),
        ("PUT", "/api/things", 405),
        ("BREW", "/api/things", 400),
        ("POST", "/api/fails/x", 405),
        ("OPTIONS", "/api/nothing", 404),
    ],
)
async def test_what_falcon_refuses_is_a_problem_too(client, method, path, status):
    response = await client.request(method, path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = msgspec.json.decode(response.content, type=dict[str, object])
    assert {"type", "title", "status", "code", "request_id"} <= problem.keys()
    assert problem["status"] == status
