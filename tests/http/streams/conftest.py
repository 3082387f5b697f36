"""A plugin that sends files of the test's folder, bytes, and what iterators make."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

import pytest
import pytest_asyncio

from changemaker_core import NotFound, Permission, Plugin, Route, SendFile, endpoint, hookimpl
from changemaker_core.app import create_app
from changemaker_core.http import falcon_bridge
from changemaker_core.testing import client_of

if TYPE_CHECKING:
    from pathlib import Path

#: A thousand bytes that say where they are.
CONTENT = b"".join(b"%03d," % number for number in range(250))
MODIFIED = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


class Files:
    folder: ClassVar[Path]

    @endpoint(public=True)
    async def on_get(self, req, resp, *, name):
        kind = "text/plain; charset=utf-8"
        return SendFile(self.folder / name, kind, download=req.get_param("as"))


class Memory:
    @endpoint(public=True)
    async def on_get(self, req, resp):
        resp.set_header("Cache-Control", "public, max-age=60")
        resp.set_cookie("seen", "1")
        return SendFile(CONTENT, "application/octet-stream", etag="v1", modified=MODIFIED)


class Made:
    """What iterators make, and how they ended."""

    ended: ClassVar[list[str]] = []

    @endpoint(public=True)
    async def on_get(self, req, resp, *, how):
        made = {"async": self._later, "sync": self._now, "fails": self._fails}[how]()
        return SendFile(made, "text/csv; charset=utf-8", download='été, "a".csv', etag='W/"made"')

    async def _later(self):
        try:
            for number in range(1000):
                yield b"%d\n" % number
        finally:
            self.ended.append("async")

    def _now(self):
        try:
            for number in range(100_000):
                yield b"%d\n" % number
        finally:
            self.ended.append("sync")

    async def _fails(self):
        raise NotFound
        yield b""


class Cached:
    @endpoint(public=True, cache=60)
    async def on_get(self, req, resp):
        return SendFile(b"x", "text/plain")


class Guarded:
    """What takes large bodies, of those who may send them: buffered by nginx, and streamed."""

    @endpoint(permission="files.file.write", max_body=8_000_000)
    async def on_post(self, req, resp):
        return {}

    @endpoint(permission="files.file.write", streams="*/*", max_body=64_000_000)
    async def on_post_streamed(self, req, resp):
        return {}


class FilesPlugin(Plugin):
    name = "files"

    @hookimpl
    def cm_register_permissions(self):
        return [Permission("files.file.write", "Store files")]

    @hookimpl
    def cm_register_routes(self):
        return [
            Route("/files/{name}", Files()),
            Route("/api/files/{name}", Files(), delivery=True),
            Route("/api/counted/{name}", Files()),
            Route("/memory", Memory()),
            Route("/made/{how}", Made()),
            Route("/cached", Cached()),
            Route("/api/guarded", Guarded()),
            Route("/api/streamed", Guarded(), suffix="streamed"),
        ]


@pytest.fixture
def database_url(tmp_path):
    """What is tested here is the same over any database."""
    return f"sqlite:///{tmp_path}/site.db"


@pytest.fixture
def folder(tmp_path):
    """The folder of files; ``one.txt`` is the content."""
    folder = Files.folder = tmp_path / "data" / "files"
    folder.mkdir(parents=True)
    (folder / "one.txt").write_bytes(CONTENT)
    os.utime(folder / "one.txt", (MODIFIED.timestamp(),) * 2)
    (folder / "empty.txt").touch()
    Made.ended.clear()
    return folder


@pytest.fixture(params=["bridged", "plain"])
def app(make_config, folder, monkeypatch, request):
    """The site with our call of responders, and with Falcon's own."""
    if request.param == "plain":
        monkeypatch.setattr(falcon_bridge, "concern", lambda: "not the tested version")
    app = create_app(make_config(), [FilesPlugin])
    yield app
    app.site.close()


@pytest_asyncio.fixture
async def client(app):
    async with client_of(app) as client:
        yield client


@pytest.fixture
def made_ended():
    return Made.ended
