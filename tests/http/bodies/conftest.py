"""A plugin that reads bodies in every way, behind an authenticator that signs over them."""

from __future__ import annotations

import hashlib
from typing import Annotated, ClassVar

import pytest
import pytest_asyncio
from msgspec import Meta, field

from changemaker_core import (
    Actor,
    Authenticator,
    Body,
    ClientGone,
    Permission,
    Plugin,
    Route,
    Unauthorized,
    Upload,
    endpoint,
    hookimpl,
)
from changemaker_core.app import create_app
from changemaker_core.http import falcon_bridge
from changemaker_core.server.uvicorn_bridge import HttpProtocol
from changemaker_core.testing import client_of
from tests.http.wire import serving

MEBIBYTE = 1024 * 1024
#: Seconds without progress after which the endpoints here give a client up.
STALL = 0.3


class Note(Body):
    text: str


class Poster(Body):
    title: Annotated[str, Meta(min_length=1)]
    poster: Annotated[Upload, Meta(extra={"max_bytes": 2 * MEBIBYTE})]
    more: list[Upload] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    public: bool = False


class Notes:
    @endpoint(public=True, body=Note)
    async def on_post(self, req, resp, *, body):
        again = await req.body_bytes()
        return {"text": body.text, "actor": req.actor and req.actor.id, "length": len(again)}


class Stored:
    """What was received, how it ended, and what Falcon's own stream reads."""

    ended: ClassVar[list[str]] = []

    @endpoint(public=True, streams="application/octet-stream", max_body=8 * MEBIBYTE)
    async def on_put(self, req, resp):
        digest, length = hashlib.sha256(), 0
        try:
            async for chunk in req.chunks(stall=STALL):
                digest.update(chunk)
                length += len(chunk)
        except ClientGone:
            self.ended.append("gone")
            raise
        self.ended.append("complete")
        return {"sha256": digest.hexdigest(), "length": length}

    @endpoint(public=True, streams="application/octet-stream", max_body=8 * MEBIBYTE)
    async def on_post(self, req, resp):
        return {"length": len(await req.body_bytes())}

    @endpoint(public=True, streams="*/*")
    async def on_patch(self, req, resp):
        return {"length": len(await req.stream.read())}


class Twice:
    @endpoint(public=True, streams="text/*")
    async def on_post(self, req, resp):
        async for _ in req.chunks():
            pass
        return {"length": len(await req.body_bytes())}


class Parts:
    @endpoint(public=True, streams="multipart/form-data", max_body=8 * MEBIBYTE)
    async def on_post(self, req, resp):
        found = []
        async for part in req.parts(max_parts=5, stall=STALL):
            if part.name == "skipped":
                continue
            digest = hashlib.sha256()
            async for chunk in part.chunks():
                digest.update(chunk)
            found.append([part.name, part.filename, part.content_type, digest.hexdigest()])
        return found


class Posters:
    seen: ClassVar[list[Upload]] = []

    @endpoint(public=True, form=Poster, max_body=6 * MEBIBYTE)
    async def on_post(self, req, resp, *, form):
        if form.value is None:
            return {"errors": form.errors, "data": form.data}
        poster = form.value.poster
        self.seen.append(poster)
        return {
            "name": poster.name,
            "type": poster.content_type,
            "size": poster.size,
            "sha256": hashlib.sha256(await poster.read()).hexdigest(),
            "more": [each.name for each in form.value.more],
            "tags": form.value.tags,
            "public": form.value.public,
        }


class Addressed:
    @endpoint(public=True)
    async def on_get(self, req, resp, *, name):
        return {"name": name, "target": req.target_uri, "lines": req.header_lines("X-Many")}


async def signed(req):
    """The digest of the body: an authenticator that reads all of it before the responder."""
    sent = req.get_header("Signature")
    if sent is None:
        return None
    if hashlib.sha256(await req.body_bytes()).hexdigest() != sent:
        raise Unauthorized
    return Actor("peer", "b.example", "B", frozenset())


class BodiesPlugin(Plugin):
    name = "bodies"

    @hookimpl
    def cm_register_permissions(self):
        return [Permission("bodies.note.write", "Write notes")]

    @hookimpl
    def cm_register_routes(self):
        return [
            Route("/api/notes", Notes()),
            Route("/api/stored", Stored()),
            Route("/api/twice", Twice()),
            Route("/api/parts", Parts()),
            Route("/api/posters", Posters()),
            Route("/addressed/{name}", Addressed()),
        ]

    @hookimpl
    def cm_register_authenticators(self):
        return [Authenticator("bodies.digest", signed, order=1, headers=("signature",))]


@pytest.fixture
def database_url(tmp_path):
    """What is tested here is the same over any database."""
    return f"sqlite:///{tmp_path}/site.db"


@pytest.fixture(params=["bridged", "plain"])
def app(make_config, monkeypatch, request):
    """The site with our call of responders, and with Falcon's own, which reads the first event."""
    if request.param == "plain":
        monkeypatch.setattr(falcon_bridge, "concern", lambda: "not the tested version")
    Stored.ended.clear()
    Posters.seen.clear()
    app = create_app(make_config(base_url="https://a.example"), [BodiesPlugin])
    yield app
    app.site.close()


@pytest.fixture
def ended():
    return Stored.ended


@pytest.fixture
def posters_seen():
    return Posters.seen


@pytest_asyncio.fixture
async def client(app):
    async with client_of(app) as client:
        yield client


@pytest_asyncio.fixture
async def address(app):
    async with serving(app, HttpProtocol) as address:
        yield address
