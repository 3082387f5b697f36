"""What the edge does for every request, whichever endpoint it is for."""

from __future__ import annotations

import asyncio
import json
import logging
import time

import httpx
import pytest

from changemaker_core import Plugin, Route, endpoint, hookimpl
from changemaker_core.app import create_app
from changemaker_core.config.site_files import HIDDEN_PROXY
from changemaker_core.http import edge, falcon_bridge
from changemaker_core.http.heads.cookies import cookies_of
from changemaker_core.testing.fixtures.site import client_of

pytestmark = pytest.mark.database("sqlite")

FOREIGN = "https://evil.example"


@pytest.fixture(params=["bridge", "documented"])
def app(request, make_config, probe, monkeypatch):
    """The probe's endpoints, by way of Falcon's insides and of its documented interface."""
    if request.param == "documented":
        monkeypatch.setattr(falcon_bridge, "TESTED", ">=99")
    app = create_app(make_config(), [probe])
    yield app
    app.site.close()


def headers_of(sent):
    return dict(sent[0]["headers"])


def body_of(sent):
    return json.loads(b"".join(event.get("body", b"") for event in sent[1:]))


async def test_every_response_has_an_id_and_security_headers(client):
    for path in ["/api/things", "/api/nothing", "/nothing", "/api/fails/badly", "/api//things"]:
        response = await client.get(path)
        assert response.headers["x-request-id"]
        assert response.headers["x-content-type-options"] == "nosniff"
        policy = response.headers["content-security-policy"]
        assert {"default-src 'none'", "frame-ancestors 'none'"} <= set(policy.split("; "))
        assert response.headers["referrer-policy"] == "strict-origin-when-cross-origin"
        assert "unsafe" not in response.headers["content-security-policy"]
        assert "strict-transport-security" not in response.headers
        assert response.headers["cache-control"] == "no-store"


async def test_pages_say_more_than_data(client):
    page, data = await client.get("/nothing"), await client.get("/api/nothing")
    for name in ("permissions-policy", "cross-origin-opener-policy"):
        assert name in page.headers and name not in data.headers
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "script-src" not in data.headers["content-security-policy"]


async def test_ids_differ_and_are_in_the_problem(client):
    first, second = [await client.get("/api/nothing") for _ in range(2)]
    assert first.json()["request_id"] == first.headers["x-request-id"]
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


async def test_an_id_from_a_stranger_is_not_taken(client):
    response = await client.get("/api/seen", headers={"X-Request-ID": "abcdefgh12"})
    assert response.json()["request_id"] != "abcdefgh12"


@pytest.mark.parametrize(
    ("sent", "taken"),
    [(b"abcdefgh12", True), (b"a\r\nSet-Cookie: x=1", False), (b"x" * 65, False), (b"<b>", False)],
)
async def test_an_id_from_a_trusted_proxy_is_taken_if_sane(
    open_app, probe, exchange_with, sent, taken
):
    async with open_app(probe, trusted_proxies=("10.0.0.0/8",)) as app:
        headers = [(b"host", b"example.org"), (b"x-request-id", sent)]
        response = await exchange_with(app, headers=headers, client=("10.1.2.3", 1))
    assert (headers_of(response)[b"x-request-id"] == sent) is taken


@pytest.mark.parametrize(
    ("peer", "forwarded", "seen"),
    [
        ("192.0.2.7", [b"203.0.113.5"], "192.0.2.7"),
        ("10.0.0.1", [b"203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", [b"6.6.6.6, 203.0.113.5"], "203.0.113.5"),
        ("10.0.0.1", [b"6.6.6.6", b"203.0.113.5, 10.0.0.2"], "203.0.113.5"),
        ("10.0.0.1", [b"203.0.113.5, 10.0.0.2, 10.0.0.3"], "203.0.113.5"),
        ("10.0.0.1", [b"<script>, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [b"203.0.113.5:4711"], "203.0.113.5"),
        ("10.0.0.1", [b"[2001:db8::1]:99"], "2001:db8::1"),
        ("::ffff:10.0.0.1", [b"::ffff:203.0.113.5"], "203.0.113.5"),
        ("::ffff:192.0.2.7", [b"203.0.113.5"], "192.0.2.7"),
        ("10.0.0.1", [b""], "10.0.0.1"),
        ("10.0.0.1", [b"203.0.113.9, unknown"], "10.0.0.1"),
        ("10.0.0.1", [b"203.0.113.9, unix:"], "203.0.113.9"),
        ("10.0.0.1", [b"203.0.113.9, unix:, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", [b"unix:"], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
    ],
)
async def test_the_visitors_address(open_app, probe, exchange_with, peer, forwarded, seen):
    async with open_app(probe, trusted_proxies=("10.0.0.0/8",)) as app:
        headers = [(b"host", b"h.org"), *((b"x-forwarded-for", each) for each in forwarded)]
        response = await exchange_with(app, headers=headers, client=(peer, 1))
    assert body_of(response)["client_ip"] == seen


@pytest.mark.parametrize("trusted", [True, False])
async def test_scheme_and_host_of_a_trusted_proxy(open_app, probe, exchange_with, trusted):
    async with open_app(probe, trusted_proxies=("10.0.0.0/8",)) as app:
        headers = [
            (b"host", b"inner:4000"),
            (b"x-forwarded-proto", b"https"),
            (b"x-forwarded-host", b"www.example.org"),
        ]
        client = ("10.0.0.1" if trusted else "192.0.2.7", 1)
        response = await exchange_with(app, headers=headers, client=client)
    expected = "https://www.example.org" if trusted else "http://inner:4000"
    assert body_of(response)["uri"] == f"{expected}/api/seen"
    assert (b"strict-transport-security" in headers_of(response)) is trusted


async def test_a_forwarded_host_must_look_like_one(open_app, probe, exchange_with):
    async with open_app(probe, trusted_proxies=("10.0.0.0/8",)) as app:
        headers = [(b"host", b"inner"), (b"x-forwarded-host", b"a.org/<x>@evil")]
        response = await exchange_with(app, headers=headers, client=("10.0.0.1", 1))
    assert body_of(response)["uri"] == "http://inner/api/seen"


@pytest.mark.parametrize("path", ["/site/api/seen", "/api/seen"])
async def test_mounted_under_a_prefix(app, exchange_with, path):
    """Some hosts leave the prefix in the path, and some take it away."""
    response = await exchange_with(app, path=path, root_path="/site/")
    assert response[0]["status"] == 200
    assert body_of(response)["root_path"] == "/site"
    assert body_of(response)["path"] == "/api/seen"
    assert body_of(response)["uri"] == "http://example.org/site/api/seen"


async def test_redirects_stay_below_the_prefix(app, exchange_with):
    response = await exchange_with(app, path="/site/form", root_path="/site")
    assert headers_of(response)[b"location"] == b"/site/thanks"
    tidied = await exchange_with(app, path="/site/form/", root_path="/site")
    assert tidied[0]["status"] == 308
    assert headers_of(tidied)[b"location"] == b"/site/form"


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "\\\\evil.example", "///evil.example/x"]
)
async def test_a_path_never_leads_to_another_site(client, target):
    response = await client.get("/form", params={"to": target})
    assert httpx.URL(response.request.url).join(response.headers["location"]).host == "127.0.0.1"
    assert not response.headers["location"].startswith(("//", "/\\"))


@pytest.mark.parametrize("path", ["//evil.example/form", "//form", "/form//", "/\\evil.example/"])
async def test_tidying_a_path_is_no_open_redirect(app, exchange_with, path):
    response = await exchange_with(app, path=path)
    location = headers_of(response).get(b"location", b"/")
    assert location.startswith(b"/") and not location.startswith((b"//", b"/\\"))


async def test_a_redirect_cannot_inject_a_header(client):
    response = await client.get("/form", params={"to": "/a\r\nSet-Cookie: x=1"})
    assert "set-cookie" not in response.headers
    assert "\n" not in response.headers["location"]


async def test_a_header_with_a_line_end_is_a_500(client):
    response = await client.get("/api/fails/header")
    assert response.status_code == 500
    assert "set-cookie" not in response.headers


async def test_head_is_get_without_a_body(client):
    got = await client.get("/api/things")
    asked = await client.head("/api/things")
    assert asked.status_code == 200
    assert asked.content == b""
    assert asked.headers["content-length"] == got.headers["content-length"]


async def test_options_and_405_name_the_methods(client):
    options = await client.options("/api/things")
    refused = await client.put("/api/things", json={})
    assert refused.status_code == 405
    assert refused.json()["code"] == "method_not_allowed"
    for response in (options, refused):
        assert {"GET", "HEAD", "POST", "DELETE"} <= set(response.headers["allow"].split(", "))


async def test_a_made_up_method_is_refused(client):
    response = await client.request("BREW", "/api/things")
    assert response.status_code in (400, 405)
    assert response.headers["content-type"] == "application/problem+json"


async def test_an_unexpected_error_shows_no_details(client, caplog):
    with caplog.at_level(logging.ERROR):
        response = await client.get("/api/fails/badly")
    assert response.status_code == 500
    assert response.json()["code"] == "internal_error"
    assert "secret" not in response.text
    [record] = [each for each in caplog.records if each.exc_info]
    assert record.request_id == response.headers["x-request-id"]


async def test_a_response_that_fails_midway_breaks_the_connection(app, exchange_with):
    with pytest.raises(ConnectionAbortedError):
        await exchange_with(app, path="/api/fails/late")


async def test_events_come_with_what_their_responder_said(client):
    response = await client.get("/api/live")
    assert response.status_code == 202
    assert (response.headers["x-thing"], response.cookies["seen"]) == ("a", "1")
    assert response.headers["content-type"].startswith("text/event-stream")
    assert "content-security-policy" in response.headers
    assert [line for line in response.text.splitlines() if line] == ["data: first", "data: second"]


async def test_scheduled_callbacks_run_after_the_response(client, told):
    response = await client.post("/api/live")
    assert (response.status_code, response.json()) == (202, {"later": True})
    await asyncio.sleep(0)
    assert told == ["it"]


async def test_a_stream_is_closed_where_the_client_has_gone(app, exchange_with, open_files):
    body = b'{"name": "Ada", "email": "ada@example.org"}'
    headers = [
        (b"host", b"h"),
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
    ]
    whole = {"type": "http.request", "body": body, "more_body": False}
    await exchange_with(app, method="POST", path="/api/export", headers=headers, events=[whole])
    assert open_files == []


@pytest.mark.parametrize(
    ("path", "accept", "html"),
    [
        ("/nothing", "*/*", True),
        ("/api/nothing", "*/*", False),
        ("/api/nothing", "text/html,application/xhtml+xml", True),
        ("/nothing", "application/json", False),
        ("/nothing", "", True),
    ],
)
async def test_errors_are_html_or_json_as_accepted(client, path, accept, html):
    response = await client.get(path, headers={"Accept": accept})
    assert response.status_code == 404
    assert response.headers["content-type"].startswith(
        "text/html" if html else "application/problem+json"
    )


async def test_problems_speak_the_readers_language(client):
    response = await client.get("/api/nothing", headers={"Accept-Language": "fr-CA"})
    assert response.json()["title"] != (await client.get("/api/nothing")).json()["title"]
    seen = await client.get("/api/seen", headers={"Accept-Language": "fr", "Cookie": "cm_lang=en"})
    assert seen.json()["locale"] == "en"


async def test_the_language_switch(client):
    response = await client.get("/seen", params={"lang": "fr", "page": "2"})
    assert response.status_code == 303
    assert response.headers["location"] == "/seen?page=2"
    assert response.headers["set-cookie"].startswith("cm_lang=fr;")
    assert (await client.get("/api/seen", params={"lang": "fr"})).status_code == 200


@pytest.mark.parametrize("query", [b"word=%ff", b"word=\xff", b"word=a%00b"])
async def test_a_query_that_is_no_text_is_a_400(app, exchange_with, query):
    response = await exchange_with(app, path="/api/things", query_string=query)
    assert response[0]["status"] == 400


async def test_websockets_are_refused(app, exchange_with):
    [response] = await exchange_with(app, type="websocket", events=[{"type": "websocket.connect"}])
    assert response["type"] == "websocket.close"


async def test_the_access_log_holds_nothing_personal(app, client, caplog):
    with caplog.at_level(logging.INFO, logger="changemaker.access"):
        await client.get(
            "/api/seen?email=ada@example.org", headers={"Authorization": "Bearer good"}
        )
        await client.get("/nobody/ada@example.org")
        app.access_log.flush()
    lines = [json.loads(line) for line in caplog.messages[-1].splitlines()]
    assert [line["route"] for line in lines] == ["/api/seen", "(none)"]
    assert lines[0]["user"] == "u1"
    assert lines[0]["status"] == 200 and lines[0]["ms"] > 0
    assert "ada" not in caplog.text and "127.0.0.1" not in caplog.messages[-1]


async def test_requests_are_counted_by_route(counting, client):
    await client.get("/api/fails/missing")
    await client.get("/api/nothing/1")
    await client.request("BREW", "/api/things")
    metrics = (await client.get("/api/metrics")).text
    assert 'http_request_total{method="GET",route="/api/fails/{how}",status="404"} 1.0' in metrics
    assert 'http_request_total{method="GET",route="(none)",status="404"} 1.0' in metrics
    assert 'method="other"' in metrics and "BREW" not in metrics


async def test_the_api_is_limited_by_address(open_app, probe, exchange_with):
    async with open_app(probe, api_rate_limit=2) as app:
        responses = [await exchange_with(app) for _ in range(3)]
        assert [each[0]["status"] for each in responses] == [200, 200, 429]
        assert int(headers_of(responses[2])[b"retry-after"]) > 0
        assert headers_of(responses[0])[b"ratelimit"].startswith(b'"api";r=1;')
        other = await exchange_with(app, client=("192.0.2.8", 1))
        assert other[0]["status"] == 200
        page = await exchange_with(app, path="/seen")
        assert page[0]["status"] == 200


@pytest.mark.parametrize("forwarded", [[], [b""], [b"unknown"], [b"unix:"], [b"127.0.0.1"]])
async def test_a_visitor_whose_address_a_proxy_hides_is_limited(
    open_app, probe, exchange_with, forwarded
):
    """(!) Such a visitor has the proxy's address, and is not this machine."""
    headers = [(b"host", b"example.org"), *((b"x-forwarded-for", each) for each in forwarded)]
    local = {"headers": headers, "client": ("127.0.0.1", 1)}
    async with open_app(probe, api_rate_limit=2, trusted_proxies=("127.0.0.1",)) as app:
        responses = [await exchange_with(app, **local) for _ in range(3)]
    assert [each[0]["status"] for each in responses] == [200, 200, 429]
    async with open_app(probe, api_rate_limit=2) as app:
        responses = [await exchange_with(app, client=("127.0.0.1", 1)) for _ in range(3)]
    assert [each[0]["status"] for each in responses] == [200, 200, 200]


@pytest.mark.parametrize(
    ("base_url", "version", "headers", "met"),
    [
        ("http://127.0.0.1:4000", "1.1", [(b"accept-language", b"fr")], False),
        ("http://127.0.0.1:4000", "1.0", [(b"accept-language", b"fr")], True),
        ("http://127.0.0.1:4000", "1.1", [(b"via", b"1.1 front")], True),
        ("http://act.example.org", "1.1", [(b"accept-language", b"fr")], True),
        ("https://act.lan", "1.1", [(b"accept-language", b"fr")], True),
        ("https://act.example.org", "1.1", [], False),
    ],
)
async def test_a_hidden_proxy_is_met(
    open_app, probe, exchange_with, caplog, monkeypatch, base_url, version, headers, met
):
    """``doctor`` looks back a week: it is told each day, and the log once."""
    local = {"client": ("127.0.0.1", 1), "http_version": version}
    local["headers"] = [(b"host", b"127.0.0.1:4000"), *headers]
    async with open_app(probe, base_url=base_url) as app:
        note = app.site.run_folder / HIDDEN_PROXY
        await exchange_with(app, **local)
        assert note.exists() is met
        note.unlink(missing_ok=True)
        await exchange_with(app, **local)
        assert not note.exists()
        monkeypatch.setattr(edge, "_DAY", 0.0)
        await exchange_with(app, **local)
        assert note.exists() is met
    told = [each for each in caplog.messages if "a proxy on this machine" in each]
    assert len(told) == int(met)


async def test_visitors_of_a_socket_for_both_protocols_are_different(
    open_app, probe, exchange_with
):
    async with open_app(probe, api_rate_limit=1) as app:
        for last in range(1, 4):
            response = await exchange_with(app, client=(f"::ffff:203.0.113.{last}", 1))
            assert response[0]["status"] == 200


async def test_two_apps_share_nothing(open_app, probe, tmp_path):
    first_url, second_url = (f"sqlite:///{tmp_path}/{name}.db" for name in "ab")
    async with (
        open_app(probe, database_url=first_url) as first,
        open_app(probe, database_url=second_url) as second,
    ):
        async with client_of(first) as one, client_of(second) as two:
            for _ in range(2):
                assert (await one.get("/api/seldom")).status_code == 200
            assert (await one.get("/api/seldom")).status_code == 429
            assert (await two.get("/api/seldom")).status_code == 200


@pytest.mark.parametrize("path", ["/api/fails/%00", "/api/fails/missing%00", "/%00/"])
async def test_nothing_is_at_a_path_that_no_database_can_hold(client, path):
    response = await client.get(path)
    assert response.status_code == 404
    assert "\x00" not in response.text


async def test_slashes_at_the_beginning_are_no_way_around_a_limit(open_app, probe, exchange_with):
    async with open_app(probe, api_rate_limit=1) as app:
        for path in ("//api/seen", "///api/seen"):
            asked = await exchange_with(app, path=path)
            assert asked[0]["status"] == 308
            assert headers_of(asked)[b"location"] == b"/api/seen"
            told = await exchange_with(app, path=path, method="DELETE")
            assert told[0]["status"] == 404
        assert (await exchange_with(app))[0]["status"] == 200
        assert (await exchange_with(app))[0]["status"] == 429


@pytest.mark.parametrize("cookie", [";" * 60_000, "a=b;" * 15_000])
def test_of_too_many_cookies_none_is_read(cookie):
    assert cookies_of(f"cm_session=x; {cookie}") == {}
    assert cookies_of("cm_session=x; " + cookie[:9_000])["cm_session"] == ["x"]


@pytest.mark.parametrize(
    "value", ['"' + '\\"' * 30_000 + '"', '"' + "\\1" * 30_000 + '"', "a=;" * 20_000]
)
async def test_a_long_cookie_does_not_stop_the_process(client, value):
    began = time.process_time()
    response = await client.get("/api/things", headers={"Cookie": f"a={value}"})
    assert response.status_code == 200
    assert time.process_time() - began < 2


class SlowPlugin(Plugin):
    """Responds after a while."""

    name = "slow"

    @hookimpl
    def cm_register_routes(self):
        return [Route("/api/slow/{slug}", Slow())]


class Slow:
    """``/api/slow/{slug}``"""

    @endpoint(public=True)
    async def on_get(self, req, resp, *, slug: str) -> dict[str, str]:
        """Respond after a while."""
        await asyncio.sleep(0.05)
        return {"slug": slug}


@pytest.mark.parametrize(("after", "count"), [(0.02, 1), (0, 0), (5, 0)])
async def test_a_slow_request_is_logged_by_its_route(open_app, caplog, after, count):
    async with open_app(SlowPlugin, log_slow_request_seconds=after) as app:
        async with client_of(app) as client:
            response = await client.get("/api/slow/ada")
    lines = [each for each in caplog.records if "a request took" in each.getMessage()]
    assert len(lines) == count
    for line in lines:
        assert line.getMessage().endswith("s: GET /api/slow/{slug}")
        assert line.request_id == response.headers["x-request-id"]
