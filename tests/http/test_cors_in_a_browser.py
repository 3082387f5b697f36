"""What Chromium lets pages of other origins send to a site's API, and read of it."""

from __future__ import annotations

import contextlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Error, expect

from changemaker_core import Body, Plugin, Route, endpoint, hookimpl
from changemaker_core.features.accounts import api
from tests.accounts.gallery.serving import served

pytestmark = [pytest.mark.browser, pytest.mark.database("sqlite")]

EMAIL, PASSWORD = "sam@example.org", "wide river, slow boat"
FETCH = """async ([address, options]) => {
    const response = await fetch(address, options);
    return [response.status, await response.json(), response.headers.get("x-request-id")];
}"""


class Trees:
    @endpoint(public=True, cache=60, response=list[str])
    async def on_get(self, req, resp):
        return ["oak"]

    @endpoint(permission="accounts.me.read", body=Body, response=str)
    async def on_patch(self, req, resp, *, body):
        return req.actor.name


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl
    def cm_register_routes(self, site):
        return [Route("/api/trees", Trees())]


@contextlib.contextmanager
def pages(folder):
    """The port of a server of one empty page, which is another origin for each name it has."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    handler.func.log_message = lambda *args: None
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def place(make_config, tmp_path):
    """The address of a site, whose API one origin may use with cookies and one without."""
    (tmp_path / "index.html").write_text("<!doctype html><title>Elsewhere</title>")
    with pages(tmp_path) as port, pages(tmp_path) as other:
        trusted, friend = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{other}"
        config = make_config(cors_origins=(trusted, friend), cors_credentials=(trusted,))
        with served(config, [ParksPlugin]) as (app, address):
            api.create_user(app.site, email=EMAIL, name="Sam", role="USER", password=PASSWORD)
            yield (
                app,
                address,
                {
                    "trusted": trusted,
                    "friend": friend,
                    "stranger": f"http://localhost:{port}",
                },
            )


def sign_in(page, address):
    page.goto(f"{address}/sign-in")
    page.fill("#email", EMAIL)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator(".account-menu")).to_be_visible()


def fetched(page, address, **options):
    """Status, body and id of a response to the page's script; None where the browser refuses."""
    try:
        return page.evaluate(FETCH, [address, options])
    except Error as refused:
        assert "Failed to fetch" in str(refused)
        return None


def test_a_page_may_send_and_read_what_its_origin_may(page, place):
    _, address, origins = place
    sign_in(page, address)
    me = f"{address}/api/auth/me"
    seen = {}
    for name, origin in origins.items():
        page.goto(f"{origin}/")
        trees = fetched(page, f"{address}/api/trees")
        anonymous = fetched(page, me)
        signed_in = fetched(page, me, credentials="include")
        seen[name] = [
            trees and trees[1],
            anonymous and anonymous[0],
            signed_in and signed_in[1]["name"],
        ]
        assert trees is None or trees[2], "its id may be read"
    assert seen == {
        "trusted": [["oak"], 401, "Sam"],
        "friend": [["oak"], 401, None],
        "stranger": [None, None, None],
    }


def test_a_key_in_a_header_needs_no_cookie(page, place):
    app, address, origins = place
    key = api.create_key(app.site, email=EMAIL, name="Map", permissions=["accounts.me.read"])
    headers = {"x-api-key": key.key, "Content-Type": "application/json"}
    change = {"method": "PATCH", "headers": headers, "body": "{}"}
    seen = {}
    for name in ("friend", "stranger"):
        page.goto(f"{origins[name]}/")
        changed = fetched(page, f"{address}/api/trees", **change)
        seen[name] = changed and changed[:2]
    assert seen == {"friend": [200, "Map"], "stranger": None}
