"""Cross-origin requests: which other sites' pages may send and read what."""

from __future__ import annotations

import json

import pytest

from changemaker_core import Body, NotFound, Plugin, Route, endpoint, hookimpl
from changemaker_core.config import Config
from changemaker_core.testing.fixtures.site import client_of

pytestmark = pytest.mark.database("sqlite")

FRIEND = "https://www.example.org"
APP = "https://app.example.org"
STRANGER = "https://evil.example"
BASE = {"CHANGEMAKER_SECRET_KEY": "x" * 32}


class Trees:
    @endpoint(public=True, cache=60, response=list[str])
    async def on_get(self, req, resp):
        return ["oak"]

    @endpoint(public=True, body=Body)
    async def on_post(self, req, resp, *, body):
        return None


class Closed:
    @endpoint(public=True, cache=60)
    async def on_get(self, req, resp):
        raise NotFound


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl
    def cm_register_routes(self, site):
        return [
            Route("/api/trees", Trees()),
            Route("/trees", Trees()),
            Route("/api/closed", Closed()),
        ]


@pytest.fixture
async def client(open_app):
    configured = {"cors_origins": (FRIEND, APP), "cors_credentials": (APP,)}
    async with open_app(ParksPlugin, **configured) as app, client_of(app) as client:
        yield client


def cors_of(response):
    return {
        name.removeprefix("access-control-"): value
        for name, value in response.headers.items()
        if name.startswith("access-control-")
    }


def varies(response):
    return {each.strip() for line in response.headers.get_list("vary") for each in line.split(",")}


async def test_each_origin_has_its_own_headers_also_from_the_cache(client):
    for _ in range(2):
        for origin in (FRIEND, APP):
            response = await client.get("/api/trees", headers={"Origin": origin})
            assert response.json() == ["oak"]
            allowed = cors_of(response)
            assert allowed.pop("expose-headers").startswith("Accept-Ranges")
            credentials = {"allow-credentials": "true"} if origin == APP else {}
            assert allowed == {"allow-origin": origin, **credentials}
        for headers in ({}, {"Origin": STRANGER}, {"Origin": "null"}, {"Origin": f"{FRIEND}:80"}):
            response = await client.get("/api/trees", headers=headers)
            assert response.status_code == 200
            assert cors_of(response) == {}
            assert "Origin" in varies(response)


async def test_errors_are_read_too_and_say_once_by_whom(client):
    for path in ("/api/nothing", "/api/closed"):
        response = await client.get(path, headers={"Origin": FRIEND})
        assert response.status_code == 404
        assert response.headers.get_list("access-control-allow-origin") == [FRIEND]


async def test_pages_are_of_this_site_alone(client):
    response = await client.get("/trees", headers={"Origin": FRIEND})
    assert cors_of(response) == {}
    assert "Origin" not in varies(response)


async def test_a_preflight_names_the_routes_methods_and_counts_for_no_limit(client):
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-api-key",
    }
    response = await client.options("/api/trees", headers={"Origin": FRIEND, **asked})
    assert response.status_code == 204
    assert "ratelimit" not in response.headers
    allowed = cors_of(response)
    assert allowed.pop("max-age") == "7200"
    headers = set(allowed.pop("allow-headers").split(", "))
    assert {"authorization", "content-type", "x-api-key", "idempotency-key"} <= headers
    assert "cookie" not in headers
    assert allowed == {"allow-origin": FRIEND, "allow-methods": "GET, HEAD, POST"}
    assert {"Origin", "Access-Control-Request-Method"} <= varies(response)


@pytest.mark.parametrize(
    ("path", "origin"), [("/api/trees", STRANGER), ("/trees", FRIEND), ("/api/nothing", FRIEND)]
)
async def test_a_preflight_that_allows_nothing(client, path, origin):
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    allowed = cors_of(await client.options(path, headers=asked))
    assert "allow-methods" not in allowed


@pytest.mark.parametrize(
    ("origin", "cookies", "status"),
    [
        (STRANGER, {}, 403),
        (FRIEND, {}, 200),
        (FRIEND, {"Cookie": "cm_session=x"}, 403),
        (APP, {"Cookie": "cm_session=x"}, 200),
    ],
)
async def test_only_a_page_with_credentials_may_send_the_visitors_cookies(
    client, origin, cookies, status
):
    """Without a preflight a browser sends the forms of any page, with cookies where it may."""
    sent = {"Origin": origin, "Sec-Fetch-Site": "cross-site", "Content-Type": "application/json"}
    response = await client.post("/api/trees", headers={**sent, **cookies}, content=b"{}")
    assert response.status_code == status


async def test_no_other_sites_form_is_sent_to_a_page(client):
    sent = {"Origin": FRIEND, "Sec-Fetch-Site": "cross-site", "Content-Type": "application/json"}
    assert (await client.post("/trees", headers=sent, content=b"{}")).status_code == 403


async def test_a_site_without_origins_says_nothing_of_them(open_app):
    async with open_app(ParksPlugin) as app, client_of(app) as client:
        response = await client.get("/api/trees", headers={"Origin": FRIEND})
        assert cors_of(response) == {} and "Origin" not in varies(response)


@pytest.mark.parametrize(
    ("origins", "credentials", "told"),
    [
        (["*"], [], "no *, no null"),
        (["null"], [], "no *, no null"),
        (["https://www.example.org/"], [], "You may mean https://www.example.org."),
        (["https://WWW.example.org:443"], [], "You may mean https://www.example.org."),
        (["https://bücher.example"], [], "You may mean https://xn--bcher-kva.example."),
        (["ftp://files.example.org", "www.example.org"], [], "such as https://www.example.org"),
        ([FRIEND], [APP], f"must be among cors_origins, which lacks {APP}."),
        ([], [APP], f"must be among cors_origins, which lacks {APP}."),
    ],
)
def test_wrong_origins_are_refused_with_the_right_ones(tmp_path, origins, credentials, told):
    lists = {"CORS_ORIGINS": origins, "CORS_CREDENTIALS": credentials}
    environ = {f"CHANGEMAKER_{name}": json.dumps(each) for name, each in lists.items()}
    _, problems = Config.read(tmp_path, {**BASE, **environ})
    assert told in "\n".join(map(str, problems))
    assert len(problems) == 1


def test_good_origins(tmp_path):
    good = [FRIEND, "http://localhost:3000", "http://[::1]:8080", "https://xn--bcher-kva.example"]
    environ = {"CHANGEMAKER_CORS_ORIGINS": ",".join(good)}
    config, problems = Config.read(tmp_path, {**BASE, **environ})
    assert not problems and list(config.cors_origins) == good
