"""The generated nginx configuration, in a real nginx in front of servers that echo requests."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import httpx
import pytest
from falcon.routing import CompiledRouter

from changemaker_core import RouteInfo
from changemaker_core.testing import nginx
from changemaker_core.testing.ports import free_port
from changemaker_deploy import nginx as target
from changemaker_deploy.locations import locations_of
from changemaker_deploy.topology import Topology, Upstream

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
PATHS = [
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


class Echo(BaseHTTPRequestHandler):
    """Responds with a description of the request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.server.requests.append(self.path)
        request = {
            "name": self.server.name,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": len(body),
        }
        text = json.dumps(request).encode()
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
def echo_server(name):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.name, server.requests, server.daemon_threads = name, [], True
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
    with echo_server("main") as main, echo_server("maps") as maps, echo_server("media") as media:
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
        RouteInfo("GET", path, plugin, permission=None, max_body=MEBIBYTE)
        for path, plugin in ROUTES.items()
    ]
    routes.append(RouteInfo("POST", "/api/media", "media", None, max_body=64 * MEBIBYTE))
    port = free_port()
    server = target.VirtualServer(
        server_names=("_",), listen=(f"127.0.0.1:{port}",), cache=str(tmp_path / "cache")
    )
    locations = locations_of(routes, topology, MEBIBYTE)
    (file,) = target.nginx(topology, locations, server, max_body=MEBIBYTE)
    configuration = tmp_path / file.name
    configuration.write_text(file.text)
    with nginx.running(configuration, port, tmp_path / "nginx") as address:
        yield address


def test_each_path_reaches_the_process_that_has_its_route(front, topology, processes):
    router = CompiledRouter()
    for path, plugin in ROUTES.items():
        router.add_route(path, SimpleNamespace(plugin=plugin))
    found = {path: router.find(path)[0].plugin for path in PATHS}
    assert set(found) == {path for path in PATHS if router.find(path)}
    expected = {path: topology.upstream_of(plugin).name for path, plugin in found.items()}
    with httpx.Client(base_url=front) as client:
        received = {path: client.get(path).json()["name"] for path in PATHS}
    assert received == expected
    assert set(received.values()) == {"main", "maps", "media"}


@pytest.mark.parametrize("path", ["/campaigns//parks/map", "/campaigns/%70arks/map?a=/static/"])
def test_paths_that_are_not_normalised_reach_it_unchanged(front, path):
    echo = httpx.get(front + path).json()
    assert (echo["name"], echo["path"]) == ("maps", path)


def test_a_trailing_slash_is_left_to_the_site(front):
    for path, name in (("/campaigns-archive/", "media"), ("/api/media/7/places/", "maps")):
        response = httpx.get(front + path)
        assert (response.status_code, response.json()["name"]) == (200, name)


def test_the_site_learns_the_visitors_address_from_nginx(front):
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
    # The last address is the one that nginx saw; the site reads the list from there.
    assert headers["x-forwarded-for"] == "203.0.113.9, 127.0.0.1"
    assert len(headers["x-request-id"]) == 32
    assert headers.get("connection") != "close"


def test_usual_bodies_are_bounded_and_large_ones_pass_where_declared(front):
    large = b"x" * (20 * MEBIBYTE)
    near = b"x" * (MEBIBYTE + 1000)  # slightly too large: the site itself responds with 413
    with httpx.Client(base_url=front, timeout=120) as client:
        assert client.post("/campaigns", content=near).json()["body"] == len(near)
        assert client.post("/campaigns", content=large).status_code == 413
        assert client.post("/api/media/7", content=large).status_code == 413
        assert client.post("/api/media", content=large).json()["body"] == len(large)


def test_a_large_body_is_not_buffered_on_disk(front, processes, tmp_path):
    written = (tmp_path / "nginx" / "body", tmp_path / "nginx" / "proxy")
    with httpx.Client(base_url=front, timeout=120) as client:
        client.post("/api/media", content=b"x" * (20 * MEBIBYTE))
    warnings = (tmp_path / "nginx" / "error.log").read_text()
    assert "buffered to a temporary file" not in warnings
    assert not [file for folder in written for file in folder.rglob("*") if file.is_file()]


def test_static_files_are_requested_once(front, processes):
    path = "/static/core/base.css?v=abc"
    responses = [httpx.get(front + path) for _ in range(5)]
    assert {each.status_code for each in responses} == {200}
    assert processes["main"].requests == [path]
    assert httpx.get(f"{front}/static/core/base.css?v=def").json()["path"].endswith("def")


def test_a_request_goes_to_the_next_process_when_one_is_down(tmp_path):
    """An upstream with several addresses: a GET is sent to the next one."""
    with echo_server("main") as works:
        dead = f"127.0.0.1:{free_port()}"
        topology = Topology(Upstream("main", (dead, f"127.0.0.1:{works.server_port}")))
        port = free_port()
        server = target.VirtualServer(
            server_names=("_",), listen=(f"127.0.0.1:{port}",), cache=None
        )
        (file,) = target.nginx(topology, [], server, max_body=MEBIBYTE)
        (tmp_path / file.name).write_text(file.text)
        with nginx.running(tmp_path / file.name, port, tmp_path / "nginx") as address:
            responses = [httpx.get(f"{address}/campaigns") for _ in range(6)]
    assert {each.status_code for each in responses} == {200}


def test_nginx_accepts_the_file_with_tls(generated, tmp_path):
    """``nginx -t``, with a certificate made for it."""
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-subj", "/CN=site.example", "-keyout", str(key), "-out", str(chain)),
        ],
        check=True,
        capture_output=True,
    )
    options = ["--certificate", str(chain), "--key", str(key), "--cache", str(tmp_path / "cache")]
    files = generated("nginx", "--server-name", "site.example", "--split", "petitions", *options)
    main = tmp_path / "nginx.conf"
    included = files["changemaker.conf"]
    main.write_text(
        f"pid {tmp_path}/pid; error_log {tmp_path}/log;\nevents {{}}\n"
        f"http {{ access_log off; include {included}; }}\n"
    )
    command = [nginx.find(), "-t", "-c", str(main), "-e", str(tmp_path / "log")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr
    assert "return 308 https://" in included.read_text()
