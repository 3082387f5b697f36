"""The generated nginx configuration, in a real nginx, before processes that tell what they got."""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import httpx
import pytest
from falcon.routing import CompiledRouter

from changemaker_core import Route, endpoint
from changemaker_core.deploy import nginx as target
from changemaker_core.deploy.rules import rules_of
from changemaker_core.deploy.topology import Topology, Upstream
from changemaker_core.testing import nginx
from changemaker_core.testing.ports import free_port

pytestmark = pytest.mark.nginx

MEBIBYTE = 1024 * 1024
#: Three plugins whose paths lie within one another.
ROUTES = {
    "/": "operations",
    "/static/{path:path}": "operations",
    "/campaigns": "influence",
    "/campaigns/{slug}": "influence",
    "/campaigns/{slug}/map": "maps",
    "/campaigns/{slug}/map/photos": "media",
    "/campaigns/map": "maps",
    "/campaigns-archive": "media",
    "/api/media": "media",
    "/api/media/{id}": "media",
    "/api/media/{id}/places": "maps",
    "/api/media/maps": "maps",
    "/feeds/{slug}.ics": "maps",
    "/feeds/{slug}": "influence",
    "/v1.0/photos": "media",
    "/été/{id}": "maps",
}
ASKED = [
    "/",
    "/static/core/base.css",
    "/campaigns",
    "/campaigns/parks",
    "/campaigns/parks/map",
    "/campaigns/parks/map/photos",
    "/campaigns/map",
    "/campaigns-archive",
    "/api/media",
    "/api/media/7",
    "/api/media/7/places",
    "/api/media/maps",
    "/feeds/parks.ics",
    "/feeds/parks",
    "/v1.0/photos",
    "/été/7",
]


class Page:
    @endpoint(public=True)
    async def on_get(self, req, resp):
        return {}


class Upload(Page):
    @endpoint(public=True, max_body=64 * MEBIBYTE)
    async def on_post(self, req, resp):
        return {}


class Told(BaseHTTPRequestHandler):
    """Answers with what it was asked."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.server.counts.append(self.path)
        told = {
            "name": self.server.name,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": len(body),
        }
        text = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        if self.path.startswith("/static/"):
            self.send_header("Cache-Control", "public, max-age=31536000, immutable")
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_OPTIONS = do_GET

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def process(name):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Told)
    server.name, server.counts, server.daemon_threads = name, [], True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def processes():
    """The main process and two that were split off."""
    with process("main") as main, process("maps") as maps, process("media") as media:
        yield {"main": main, "maps": maps, "media": media}


@pytest.fixture
def topology(processes):
    at = {name: (f"127.0.0.1:{each.server_port}",) for name, each in processes.items()}
    splits = (Upstream("maps", at["maps"], ("maps",)), Upstream("media", at["media"], ("media",)))
    return Topology(Upstream("main", at["main"]), splits)


@pytest.fixture
def front(topology, tmp_path):
    """The address of nginx in front of them."""
    routes = [
        SimpleNamespace(
            item=Route(path, Upload() if path == "/api/media" else Page()),
            plugin=SimpleNamespace(name=plugin),
        )
        for path, plugin in ROUTES.items()
    ]
    port = free_port()
    front = target.Front(
        server_names=("_",), listen=(f"127.0.0.1:{port}",), cache=str(tmp_path / "cache")
    )
    rules = rules_of(routes, topology, MEBIBYTE)
    (file,) = target.nginx(topology, rules, front, max_body=MEBIBYTE)
    configuration = tmp_path / file.name
    configuration.write_text(file.text)
    with nginx.running(configuration, port, tmp_path / "nginx") as address:
        yield address


def test_each_path_reaches_who_has_its_route(front, topology, processes):
    router = CompiledRouter()
    for path, plugin in ROUTES.items():
        router.add_route(path, SimpleNamespace(plugin=plugin))
    asked = {path: router.find(path)[0].plugin for path in ASKED}
    assert set(asked) == {path for path in ASKED if router.find(path)}
    expected = {path: topology.serves(plugin).name for path, plugin in asked.items()}
    with httpx.Client(base_url=front) as client:
        answered = {path: client.get(path).json()["name"] for path in ASKED}
    assert answered == expected
    assert set(answered.values()) == {"main", "maps", "media"}


@pytest.mark.parametrize("path", ["/campaigns//parks/map", "/campaigns/%70arks/map?a=/static/"])
def test_paths_written_otherwise_reach_it_too_and_are_left_as_they_are(front, path):
    told = httpx.get(front + path).json()
    assert (told["name"], told["path"]) == ("maps", path)


def test_a_slash_at_the_end_is_left_to_the_site(front):
    for path, name in (("/campaigns-archive/", "media"), ("/api/media/7/places/", "maps")):
        answer = httpx.get(front + path)
        assert (answer.status_code, answer.json()["name"]) == (200, name)


def test_the_site_is_told_who_asks(front):
    sent = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "X-Request-ID": "chosen-by-a-visitor",
        "Host": "site.example:8080",
    }
    headers = httpx.get(f"{front}/campaigns", headers=sent).json()["headers"]
    assert headers["host"] == "site.example:8080"
    assert headers["x-forwarded-host"] == "site.example:8080"
    assert headers["x-forwarded-proto"] == "http"
    # Only the last is nginx's word, and the site reads from there.
    assert headers["x-forwarded-for"] == "203.0.113.9, 127.0.0.1"
    assert len(headers["x-request-id"]) == 32
    assert headers.get("connection") != "close"


def test_usual_bodies_are_bounded_and_large_ones_pass_where_declared(front):
    large = b"x" * (20 * MEBIBYTE)
    near = b"x" * (MEBIBYTE + 1000)  # a little too much is the site's own to refuse
    with httpx.Client(base_url=front, timeout=60) as client:
        assert client.post("/campaigns", content=near).json()["body"] == len(near)
        assert client.post("/campaigns", content=large).status_code == 413
        assert client.post("/api/media/7", content=large).status_code == 413
        assert client.post("/api/media", content=large).json()["body"] == len(large)


def test_a_large_body_is_not_kept_on_disk_first(front, processes, tmp_path):
    written = (tmp_path / "nginx" / "body", tmp_path / "nginx" / "proxy")
    with httpx.Client(base_url=front, timeout=60) as client:
        client.post("/api/media", content=b"x" * (20 * MEBIBYTE))
    warnings = (tmp_path / "nginx" / "error.log").read_text()
    assert "buffered to a temporary file" not in warnings
    assert not [file for folder in written for file in folder.rglob("*") if file.is_file()]


def test_static_files_are_asked_for_once(front, processes):
    path = "/static/core/base.css?v=abc"
    answers = [httpx.get(front + path) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {200}
    assert processes["main"].counts == [path]
    assert httpx.get(f"{front}/static/core/base.css?v=def").json()["path"].endswith("def")


def test_a_process_that_is_away_is_gone_around(tmp_path):
    """Several addresses of one upstream: a GET is tried at the next."""
    with process("main") as works:
        dead = f"127.0.0.1:{free_port()}"
        topology = Topology(Upstream("main", (dead, f"127.0.0.1:{works.server_port}")))
        port = free_port()
        front = target.Front(server_names=("_",), listen=(f"127.0.0.1:{port}",), cache=None)
        (file,) = target.nginx(topology, [], front, max_body=MEBIBYTE)
        (tmp_path / file.name).write_text(file.text)
        with nginx.running(tmp_path / file.name, port, tmp_path / "nginx") as address:
            answers = [httpx.get(f"{address}/campaigns") for _ in range(6)]
    assert {answer.status_code for answer in answers} == {200}
