"""Three sites that pass notes on to each other, one of which is away for a while."""

from __future__ import annotations

import contextlib
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import pytest

from changemaker_core.testing import client_of, run_jobs, signed_in
from changemaker_core.testing.ports import free_port
from changemaker_core.testing.server import OperatedSite
from changemaker_relay import services, signatures
from changemaker_relay.plugin import RelayPlugin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEY = "the key that all of them have"
PEER = "https://b.example"
OWN = "https://a.example"
PATIENCE = 90


def config(**changes: Any) -> dict[str, Any]:
    tables = {"relay": {"peers": [PEER], "key": KEY, "public_only": False}}
    return {"base_url": OWN, "plugin_tables": tables, **changes}


def signed(number: int, *, key: str = KEY, now: float | None = None, peer: str = PEER) -> Any:
    """The body and the headers of a note from ``peer``."""
    body = msgspec.json.encode({"number": number, "text": f"note {number}"})
    moment = time.time() if now is None else now
    headers = signatures.headers(key, f"{OWN}/api/relay/notes", peer, moment, body)
    return {"content": body, "headers": {**headers, "Content-Type": "application/json"}}


async def test_a_signed_note_is_received_once_and_in_order(open_app: Any) -> None:
    async with open_app(RelayPlugin, **config()) as app, client_of(app) as client:
        post = client.post
        assert (await post("/api/relay/notes", **signed(1))).json() == {"number": 1}
        assert (await post("/api/relay/notes", **signed(1))).status_code == 200
        gap = await post("/api/relay/notes", **signed(3))
        assert (gap.status_code, gap.json()["code"]) == (409, "note_missing")
        notes = (await client.get("/api/relay/notes")).json()["data"]
        assert notes == [{"origin": PEER, "number": 1, "text": "note 1"}]


@pytest.mark.parametrize("wrong", ["body", "key", "old", "stranger", "absent"])
async def test_what_is_not_signed_by_a_peer_is_refused(open_app: Any, wrong: str) -> None:
    request = {
        "key": signed(1, key="another"),
        "old": signed(1, now=time.time() - 600),
        "stranger": signed(1, peer="https://evil.example"),
    }.get(wrong, signed(1))
    if wrong == "body":
        request["content"] = request["content"].replace(b"note", b"nope")
    if wrong == "absent":
        request["headers"] = {"Content-Type": "application/json"}
    async with open_app(RelayPlugin, **config()) as app, client_of(app) as client:
        assert (await client.post("/api/relay/notes", **request)).status_code == 401
        assert (await client.get("/api/relay/notes")).json()["data"] == []


async def test_a_private_peer_is_not_connected_to(open_app: Any) -> None:
    tables = {"relay": {"peers": ["http://127.0.0.1:9"], "key": KEY}}
    async with (
        open_app(RelayPlugin, **config(plugin_tables=tables)) as app,
        signed_in(app, "SUPER_ADMIN") as client,
    ):
        await app.site.db.write(services.publish, ["one"])
        await run_jobs(app.site)
        (job,) = (await client.get("/api/jobs?queue=relay")).json()["data"]
        assert (job["state"], job["lane"]) == ("queued", "relay.peer:http://127.0.0.1:9")
        assert "public" in job["error"]


class Moved(BaseHTTPRequestHandler):
    """A peer that has moved to another address."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(HTTPStatus.MOVED_PERMANENTLY)
        self.send_header("Location", "https://moved.example/")
        self.send_header("Content-Length", "0")
        self.end_headers()


async def test_a_redirect_is_no_receipt(open_app: Any) -> None:
    with HTTPServer(("127.0.0.1", 0), Moved) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        peer = f"http://127.0.0.1:{server.server_port}"
        tables = {"relay": {"peers": [peer], "key": KEY, "public_only": False}}
        async with (
            open_app(RelayPlugin, **config(plugin_tables=tables)) as app,
            signed_in(app, "SUPER_ADMIN") as client,
        ):
            await app.site.db.write(services.publish, ["one"])
            await run_jobs(app.site)
            (job,) = (await client.get("/api/jobs?queue=relay")).json()["data"]
        server.shutdown()
    assert job["state"] == "queued"
    assert "responded with 301" in job["error"]


class Instance:
    """One site, with an address that the others know."""

    def __init__(self, folder: Path, port: int, peers: list[str]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        self.site = OperatedSite(
            folder,
            {
                "CHANGEMAKER_BASE_URL": self.url,
                "CHANGEMAKER_RELAY__PEERS": ",".join(peers),
                "CHANGEMAKER_RELAY__KEY": KEY,
                "CHANGEMAKER_RELAY__PUBLIC_ONLY": "false",
            },
        )
        self.site.make()

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """The site is there while the block runs."""
        with self.site.start("serve", "--port", str(self.port), "--workers", "1"):
            yield

    def publish(self, *texts: str) -> None:
        """As its operator does."""
        self.site.run("relay", "publish", *texts)

    def has_from(self, origin: Instance) -> list[str]:
        """The notes of ``origin`` that this site shows, in their order."""
        data = httpx.get(f"{self.url}/api/relay/notes", timeout=90).json()["data"]
        return [note["text"] for note in data if note["origin"] == origin.url]


@pytest.fixture
def three(tmp_path: Path) -> list[Instance]:
    ports = [free_port() for _ in range(3)]
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    return [
        Instance(tmp_path / str(port), port, [url for url in urls if url != own])
        for port, own in zip(ports, urls, strict=True)
    ]


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.1)


def test_a_peer_that_was_away_gets_all_notes_in_order_and_holds_up_no_other(
    three: list[Instance],
) -> None:
    a, b, away = three
    first = [f"a{number}" for number in range(12)]
    more = [f"later {number}" for number in range(3)]
    with a.serving(), b.serving():
        a.publish(*first)
        b.publish("b0", "b1")
        wait_until(lambda: b.has_from(a) == first)
        wait_until(lambda: a.has_from(b) == ["b0", "b1"])
        with away.serving():
            wait_until(lambda: away.has_from(a) == first)
            wait_until(lambda: away.has_from(b) == ["b0", "b1"])
        a.publish(*more)  # while it is away again
        wait_until(lambda: b.has_from(a) == first + more)
        with away.serving():
            wait_until(lambda: away.has_from(a) == first + more)
