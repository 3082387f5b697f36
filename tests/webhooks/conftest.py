"""A plugin with events, and a receiver: a real server on loopback, which does what a test says."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import msgspec
import pytest
from standardwebhooks import Webhook

from changemaker_core import Plugin, Role, Text, WebhookEvent
from changemaker_core.testing import Clock, run_jobs

if TYPE_CHECKING:
    from collections.abc import Callable


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A park has opened."""

    park_id: str
    visitors: int = 0


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """A park has closed."""

    park_id: str


OPENED = WebhookEvent("parks.park.opened", Opened, Text("A park opens"))
CLOSED = WebhookEvent("parks.park.closed", Closed, Text("A park closes"))


class ParksPlugin(Plugin):
    """A plugin with two events."""

    name = "parks"
    contributes = (
        OPENED,
        CLOSED,
        Role("PARKS_WEBHOOKS", "Manages webhooks", frozenset({"webhooks.manage", "audit.read"})),
    )


@dataclass
class Message:
    """What the receiver got."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self):
        return self.headers["webhook-id"]

    @property
    def content(self):
        return msgspec.json.decode(self.body)

    def verify(self, secret):
        """Verify the message as an independent implementation of the standard does."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """Listens on an ephemeral port while it is entered.

    ``behave(message)`` returns the status, more headers and the body of each response; it may wait.
    """

    behave: Callable[[Message], tuple[int, dict[str, str], bytes]] | None = None
    received: list[Message] = field(default_factory=list)

    def __enter__(self):
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                message = Message(self.path, headers, body)
                receiver.received.append(message)
                status, more, response = (
                    receiver.behave(message) if receiver.behave else (204, {}, b"")
                )
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(response)))
                self.end_headers()
                self.wfile.write(response)

            def log_message(self, *_):
                """Leave the test's output alone."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}/hooks"

    @property
    def ids(self):
        return [message.id for message in self.received]


def status(code, headers=None, body=b""):
    """Return what responds with one status."""
    return lambda _message: (code, headers or {}, body)


@pytest.fixture
def receiver():
    with Receiver() as opened:
        yield opened


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def site(make_site, clock):
    """A site that may send to this machine."""
    return make_site(ParksPlugin, clock=clock, plugin_tables={"webhooks": {"allow": ["127.0.0.1"]}})


@pytest.fixture
def run_due():
    """``run_due(site)`` runs the jobs that are due; returns how many."""
    return lambda site: asyncio.run(run_jobs(site))


@pytest.fixture
def run(site, run_due):
    """``run()`` runs the jobs of the site that are due."""
    return lambda: run_due(site)


@pytest.fixture
def add(site):
    """``add(url, *events)``: a webhook, with its secret."""
    from changemaker_core.features.webhooks import services

    def add_(url, *events, owner=None):
        names = [event.name for event in events or (OPENED, CLOSED)]
        sealer = services.sealer_of(site)
        return site.db.sync.write(services.create, sealer, url=url, events=names, owner_id=owner)

    return add_


@pytest.fixture
def emit(site):
    """``emit("a", "b")``: parks open, each in a transaction of its own."""

    def emit_(*parks, event=OPENED):
        for park in parks:
            data = event.payload(park_id=park)
            site.db.sync.write(lambda tx, data=data: event.emit(tx, data))

    return emit_
