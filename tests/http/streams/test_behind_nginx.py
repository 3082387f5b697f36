"""A site behind nginx, set up by `changemaker deploy nginx`: files, and refusals on the way."""

from __future__ import annotations

import asyncio
import os

import httpx
import pytest
import pytest_asyncio

from changemaker_core.app import create_app
from changemaker_core.server.uvicorn_bridge import HttpProtocol
from changemaker_core.testing import nginx
from changemaker_core.testing.ports import free_port
from changemaker_deploy import nginx as target
from changemaker_deploy.locations import locations_of
from changemaker_deploy.topology import Topology, Upstream
from tests.http.streams.conftest import CONTENT, FilesPlugin
from tests.http.wire import serving

pytestmark = [pytest.mark.nginx, pytest.mark.database("sqlite")]

PROXY = ("127.0.0.1/32",)


@pytest.fixture(params=[True, False], ids=["nginx sends", "the site sends"])
def sends(request):
    return request.param


@pytest_asyncio.fixture
async def site_address(make_config, folder, sends):
    app = create_app(make_config(nginx_files=sends, trusted_proxies=PROXY), [FilesPlugin])
    async with serving(app, HttpProtocol) as address:
        yield app, "{}:{}".format(*address)
    app.site.close()


@pytest_asyncio.fixture
async def front(site_address, tmp_path, sends):
    """The address of nginx in front of the site."""
    app, upstream = site_address
    topology = Topology(Upstream("main", (upstream,)))
    port = free_port()
    server = target.VirtualServer(
        server_names=("_",), listen=(f"127.0.0.1:{port}",), cache=str(tmp_path / "cache")
    )
    config = app.site.config
    locations = locations_of(app.site.routes(), topology, config.max_body_bytes)
    files = config.site_dir / "data" if sends else None
    most = config.max_body_bytes
    (file,) = target.nginx(topology, locations, server, max_body=most, files=files)
    configuration = tmp_path / file.name
    configuration.write_text(file.text)
    with nginx.running(configuration, port, tmp_path / "nginx") as address:
        yield address


@pytest_asyncio.fixture
async def client(front):
    async with httpx.AsyncClient(base_url=front, timeout=90) as client:
        yield client


async def test_files_are_the_same_whoever_sends_them(client):
    whole = await client.get("/files/one.txt", params={"as": "été.txt"})
    assert (whole.status_code, whole.content) == (200, CONTENT)
    assert whole.headers["content-type"] == "text/plain; charset=utf-8"
    assert whole.headers["content-disposition"].startswith('attachment; filename="ete.txt"')
    assert "script-src" not in whole.headers["content-security-policy"]
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["cache-control"] == "private, no-cache"
    assert "x-request-id" in whole.headers
    assert "x-accel-redirect" not in whole.headers
    part = await client.get("/files/one.txt", headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, CONTENT[100:200])
    known = {"If-None-Match": whole.headers["etag"]}
    assert (await client.get("/files/one.txt", headers=known)).status_code == 304
    head = await client.head("/files/one.txt")
    assert (head.headers["content-length"], head.content) == ("1000", b"")


async def test_no_visitor_reaches_the_files_by_nginxs_own_address(client):
    response = await client.get("/.changemaker-files/files/one.txt")
    assert response.status_code == 404
    assert CONTENT not in response.content


async def test_names_that_are_encoded_reach_the_right_file(client, folder):
    name = "a b%2fé#?.txt"
    (folder / name).write_text("odd")
    response = await client.get("/files/a%20b%252f%C3%A9%23%3F.txt")
    assert (response.status_code, response.text) == (200, "odd")


async def test_a_request_that_did_not_come_through_nginx_gets_the_file(site_address):
    _, address = site_address
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"http://{address}/files/one.txt")).content == CONTENT


async def test_a_large_file_that_is_read_slowly_is_not_buffered_on_disk(client, folder, tmp_path):
    (folder / "large").write_bytes(os.urandom(1000) * 30_000)
    async with client.stream("GET", "/api/files/large") as response:
        await asyncio.sleep(1)
        written = [each for each in (tmp_path / "nginx" / "proxy").rglob("*") if each.is_file()]
        received = b"".join([chunk async for chunk in response.aiter_bytes()])
    assert written == []
    assert received == (folder / "large").read_bytes()


@pytest.mark.parametrize("path", ["/api/guarded", "/api/streamed"])
@pytest.mark.parametrize("attempt", range(3))
async def test_a_refusal_reaches_a_client_that_is_still_sending(client, path, attempt):
    async def body():
        for _ in range(70):
            yield b"x" * 100_000

    response = await client.post(path, content=body())
    assert (response.status_code, response.json()["code"]) == (401, "unauthorized")
    declared = await client.post(path, content=b"x" * 7_000_000)
    assert (declared.status_code, declared.json()["code"]) == (401, "unauthorized")
