"""A small plugin whose endpoints do one thing each, and clients for it."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import pytest
import pytest_asyncio
from falcon.asgi import SSEvent
from msgspec import Meta

from changemaker_core import (
    Actor,
    Authenticator,
    Body,
    Email,
    ListQuery,
    NotFound,
    Permission,
    Plugin,
    Redirect,
    Route,
    Text,
    Unauthorized,
    endpoint,
    hookimpl,
)
from changemaker_core.app import create_app
from changemaker_core.identity.actor import current_actor
from changemaker_core.testing.fixtures.site import client_of, migrate


class Letter(Body):
    name: Annotated[str, Meta(min_length=1, max_length=50)]
    email: Email
    copies: Annotated[int, Meta(ge=1, le=9)] = 1


class Found(ListQuery):
    word: str | None = None


class Things:
    @endpoint(public=True, query=Found, response=dict[str, Any])
    async def on_get(self, req, resp, *, query):
        """Things."""
        return {"limit": query.limit, "word": query.word}

    @endpoint(public=True, body=Letter, response=Letter, status=201)
    async def on_post(self, req, resp, *, body):
        return body

    @endpoint(permission="probe.thing.write", status=204)
    async def on_delete(self, req, resp):
        return None


class Seen:
    """What the responder sees of the request."""

    @endpoint(public=True)
    async def on_get(self, req, resp):
        actor = current_actor.get()
        return {
            "client_ip": req.client_ip,
            "locale": req.locale,
            "root_path": req.root_path,
            "path": req.path,
            "uri": req.uri,
            "actor": req.actor and req.actor.id,
            "acting": actor and actor.id,
            "request_id": req.request_id,
            "extensions": sorted(req.scope.get("extensions", ())),
        }


class Fails:
    @endpoint(public=True)
    async def on_get(self, req, resp, *, how):
        if how == "missing":
            raise NotFound(Text("No thing is called {name}.", name="x"))
        if how == "header":
            resp.set_header("X-Thing", "a\r\nSet-Cookie: stolen=1")
            return {}
        if how == "late":
            resp.stream = self._broken()
            return None
        raise RuntimeError("the secret is 42")

    async def _broken(self):
        yield b"first"
        raise RuntimeError("the secret is 43")


class FormPage:
    @endpoint(public=True, form=Letter)
    async def on_post(self, req, resp, *, form):
        return {"errors": form.errors, "valid": form.value is not None}

    @endpoint(public=True)
    async def on_get(self, req, resp):
        return Redirect(req.get_param("to") or "/thanks")


class Live:
    """What is not whole when its responder has ended."""

    told: ClassVar[list[str]] = []

    @endpoint(public=True)
    async def on_get(self, req, resp):
        resp.status = 202
        resp.set_header("X-Thing", "a")
        resp.set_cookie("seen", "1")
        resp.sse = self._events()

    async def _events(self):
        yield SSEvent(text="first")
        yield SSEvent(text="second")

    @endpoint(public=True, status=202)
    async def on_post(self, req, resp):
        resp.schedule(self._tell)
        return {"later": True}

    async def _tell(self):
        self.told.append("it")


class Export:
    """What is asked for in a body, and sent bit by bit."""

    @endpoint(public=True, body=Letter)
    async def on_post(self, req, resp, *, body):
        resp.stream = File([body.name.encode(), b", ", body.email.encode()])


class File:
    """Parts as an open file gives them; ``opened`` are those that nobody has closed."""

    opened: ClassVar[list[File]] = []

    def __init__(self, parts):
        self._parts = parts
        self.opened.append(self)

    async def read(self, size):
        return self._parts.pop(0) if self._parts else b""

    async def close(self):
        self.opened.remove(self)


class Upload:
    @endpoint(public=True, body=Letter, max_body=200)
    async def on_post(self, req, resp, *, body):
        return body


class Large:
    """What takes large bodies, of those who may send them."""

    @endpoint(permission="probe.thing.write", max_body=20_000_000, status=204)
    async def on_delete(self, req, resp):
        return None


class Seldom:
    @endpoint(public=True, rate_limit="2/hour")
    async def on_get(self, req, resp):
        return {}


async def find(req):
    token = req.get_header("Authorization")
    if token is None:
        return None
    if token == "Bearer good":
        return Actor("user", "u1", "Ada", frozenset({"probe.thing.write"}))
    if token == "Bearer weak":
        return Actor("user", "u2", "Bob", frozenset())
    raise Unauthorized


class ProbePlugin(Plugin):
    name = "probe"

    @hookimpl
    def cm_register_permissions(self):
        return [Permission("probe.thing.write", "Remove things")]

    @hookimpl
    def cm_register_routes(self):
        return [
            Route("/api/things", Things()),
            Route("/api/seen", Seen()),
            Route("/seen", Seen()),
            Route("/api/fails/{how}", Fails()),
            Route("/form", FormPage()),
            Route("/api/live", Live()),
            Route("/api/export", Export()),
            Route("/api/upload", Upload()),
            Route("/api/seldom", Seldom()),
            Route("/api/large", Large()),
        ]

    @hookimpl
    def cm_register_authenticators(self):
        return [Authenticator("probe.token", find, order=1, headers=("Authorization",))]


@pytest.fixture
def probe():
    return ProbePlugin


@pytest.fixture
def told():
    Live.told.clear()
    return Live.told


@pytest.fixture
def open_files():
    File.opened.clear()
    return File.opened


@pytest.fixture
def database_url(tmp_path):
    """What is tested here is the same over any database."""
    return f"sqlite:///{tmp_path}/site.db"


@pytest.fixture
def app(make_config):
    """The probe's endpoints. They touch no database, so there is no lifespan to wait for."""
    app = create_app(make_config(), [ProbePlugin])
    yield app
    app.site.close()


@pytest.fixture
def counting(app):
    """The same app with its tables, which some metrics are read from."""
    migrate(app.site)
    return app


@pytest_asyncio.fixture
async def client(app):
    async with client_of(app) as client:
        yield client


@pytest.fixture
def exchange_with():
    """``await exchange_with(app, scope changes, events)``: raw ASGI; the events that were sent."""

    async def run(app, *, events=(), **changes):
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/api/seen",
            "raw_path": b"/api/seen",
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"example.org")],
            "client": ("192.0.2.7", 1234),
            "server": ("127.0.0.1", 4000),
            **changes,
        }
        waiting = list(events) or [{"type": "http.request", "body": b"", "more_body": False}]
        sent = []

        async def receive():
            return waiting.pop(0) if waiting else {"type": "http.disconnect"}

        async def send(event):
            sent.append(event)

        await app(scope, receive, send)
        return sent

    return run
