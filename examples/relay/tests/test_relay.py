"""Three sites that pass notes on to each other, one of which is away for a while."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import pytest

from changemaker_core import Conflict
from changemaker_core.testing import Clock, client_of, run_jobs, signed_in
from changemaker_core.testing.ports import free_port
from changemaker_core.testing.server import OperatedSite
from changemaker_relay import services, signatures
from changemaker_relay.models import RelayNote
from changemaker_relay.plugin import RelayPlugin
from changemaker_relay.queries import notes
from changemaker_relay.schemas import NoteIn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from changemaker_core import Site

KEY = "the key that all of them have"
PEER = "https://b.example"
OWN = "https://a.example"
PATIENCE = 90


def config(**changes: Any) -> dict[str, Any]:
    tables = {"relay": {"peers": [PEER], "key": KEY, "public_only": False}}
    return {"base_url": OWN, "plugin_tables": tables, **changes}


def signed(
    number: int,
    *,
    key: str = KEY,
    now: float | None = None,
    peer: str = PEER,
    **changes: Any,
) -> Any:
    """The body and the headers of a note from ``peer``."""
    note = {"number": number, "after": number - 1, "text": f"note {number}", **changes}
    body = msgspec.json.encode(note)
    moment = time.time() if now is None else now
    headers = signatures.headers(key, f"{OWN}/api/relay/notes", peer, moment, body)
    return {"content": body, "headers": {**headers, "Content-Type": "application/json"}}


async def test_a_signed_note_is_received_once_and_in_order(open_app: Any) -> None:
    async with open_app(RelayPlugin, **config()) as app, client_of(app) as client:
        post = client.post
        assert (await post("/api/relay/notes", **signed(1))).json() == {"number": 1}
        assert (await post("/api/relay/notes", **signed(1))).status_code == 200
        gap = await post("/api/relay/notes", **signed(3))
        assert (gap.status_code, gap.json()) == (200, {"number": 1})
        other = await post("/api/relay/notes", **signed(1, text="another"))
        assert (other.status_code, other.json()["code"]) == (409, "another_note")
        lost = await post("/api/relay/notes", **signed(4, after=1))
        assert lost.json() == {"number": 4}
        first = (await client.get("/api/relay/notes?limit=1")).json()
        assert first["data"] == [{"id": 1, "origin": PEER, "number": 1, "text": "note 1"}]
        cursor = first["pagination"]["next_cursor"]
        rest = (await client.get(f"/api/relay/notes?cursor={cursor}")).json()["data"]
        assert [note["number"] for note in rest] == [4]


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


class Peer:
    """A peer that this site sends to: ``respond`` gets each note, and returns a status and a body.

    Without it, the peer receives as the relay does, in the database of ``app``.
    """

    def __init__(self, app: Any) -> None:
        self.respond: Callable[[NoteIn], tuple[int, Any] | None] = lambda note: None
        self._app = app
        self._sent: list[NoteIn] = []
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers["Content-Length"]))
                status, body = peer._receive(msgspec.json.decode(sent, type=NoteIn))
                content = msgspec.json.encode(body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def _receive(self, note: NoteIn) -> tuple[int, Any]:
        self._sent.append(note)
        responded = self.respond(note)
        if responded is not None:
            return responded
        try:
            number = self._app.site.db.sync.write(lambda tx: services.receive(tx, OWN, note))
        except Conflict as error:
            return error.status, {}
        return 200, {"number": number}

    def sent(self) -> list[int]:
        """The numbers that were sent since the last call."""
        sent, self._sent = self._sent, []
        return [note.number for note in sent]

    async def has(self) -> list[int]:
        """The numbers of the notes that the peer has, in its order."""
        return [note.number for note in await self._app.site.db.all(notes())]


@pytest.fixture
def pair(open_app: Any, tmp_path: Path) -> Callable[[Clock], Any]:
    """``async with pair(clock) as (sender, peer)``: a site that relays, and its peer."""

    @contextlib.asynccontextmanager
    async def open_(clock: Clock) -> AsyncIterator[tuple[Any, Peer]]:
        own = config(database_url=f"sqlite:///{tmp_path}/peer.db")
        async with open_app(RelayPlugin, **own) as app:
            peer = Peer(app)
            threading.Thread(target=peer.server.serve_forever, daemon=True).start()
            tables = {"relay": {"peers": [peer.url], "key": KEY, "public_only": False}}
            changes = config(plugin_tables=tables)
            try:
                async with open_app(RelayPlugin, clock=clock, **changes) as sender:
                    await run_jobs(sender.site)
                    yield sender, peer
            finally:
                await asyncio.to_thread(peer.server.shutdown)
                peer.server.server_close()

    return open_


async def publish(site: Site, *texts: str) -> None:
    await site.db.write(services.publish, texts)
    await run_jobs(site)


async def give_up(sender: Any, peer: Peer, clock: Clock) -> None:
    """Publish three notes to a peer that is away until the first is given up, and then is back."""
    peer.respond = lambda note: (403, {})
    await publish(sender.site, "one", "two", "three")
    clock.forward(days=8)
    await run_jobs(sender.site)
    states = [job["state"] for job in await deliveries(sender)]
    assert states == ["queued", "queued", "queued", "dead"], "the first is of the daily catching up"
    clock.forward(minutes=10)
    peer.respond = lambda note: None
    peer.sent()


async def deliveries(app: Any) -> list[Any]:
    """The deliveries to the peer, the last first."""
    async with signed_in(app, "SUPER_ADMIN") as client:
        return (await client.get("/api/jobs?queue=relay")).json()["data"]


async def test_a_redirect_is_no_receipt(pair: Any) -> None:
    async with pair(Clock()) as (sender, peer):
        peer.respond = lambda note: (301, {})
        await publish(sender.site, "one")
        (job,) = await deliveries(sender)
    assert job["state"] == "queued"
    assert "responded to note 1 with 301" in job["error"]


async def test_notes_that_were_given_up_come_before_the_next(pair: Any) -> None:
    clock = Clock()
    async with pair(clock) as (sender, peer):
        await give_up(sender, peer, clock)
        await publish(sender.site, "four")
        assert await peer.has() == [1, 2, 3, 4]
        assert peer.sent() == [2, 1, 2, 3, 3, 4]
        caught_up = (await deliveries(sender))[3]
        assert (caught_up["state"], caught_up["progress_done"]) == ("done", 2)
        assert caught_up["progress_note"] == ""


async def test_a_peer_that_is_new_gets_all_notes_without_a_next_one(pair: Any) -> None:
    clock = Clock()
    async with pair(clock) as (sender, peer):
        await publish(sender.site, "one", "two")
        await peer._app.site.db.write(lambda tx: RelayNote.delete().execute())
        clock.forward(days=1)
        await run_jobs(sender.site)
        assert await peer.has() == [1, 2]
        peer.sent()
        clock.forward(days=1)
        await run_jobs(sender.site)
        assert peer.sent() == [2]


@pytest.mark.parametrize("why", ["gone", "refused"])
async def test_what_cannot_be_delivered_is_named_and_holds_up_nothing(pair: Any, why: str) -> None:
    clock = Clock()
    async with pair(clock) as (sender, peer):
        await give_up(sender, peer, clock)
        if why == "gone":
            await sender.site.db.write(
                lambda tx: RelayNote.delete().where(RelayNote.number == 2).execute()
            )
        peer.respond = lambda note: (422, {}) if (note.number, why) == (2, "refused") else None
        await publish(sender.site, "four")
        assert await peer.has() == [1, 3, 4]
        second, third = reversed((await deliveries(sender))[2:4])
        assert second["state"] == "dead"
        assert (third["state"], third["progress_note"]) == ("done", "1 lost: 2")


async def test_a_sender_that_was_restored_from_an_old_backup_learns_it(pair: Any) -> None:
    async with pair(Clock()) as (sender, peer):
        await publish(sender.site, "one", "two")
        await sender.site.db.write(
            lambda tx: RelayNote.delete().where(RelayNote.number == 2).execute()
        )
        await publish(sender.site, "another second", "three")
        assert await peer.has() == [1, 2, 3]
        states = [(job["state"], job["error"]) for job in await deliveries(sender)]
    assert [state for state, _ in states] == ["done", "dead", "done", "done"]
    assert "responded to note 2 with 409" in states[1][1]


async def test_a_peer_that_takes_no_note_is_tried_again(pair: Any) -> None:
    async with pair(Clock()) as (sender, peer):
        peer.respond = lambda note: (200, {"number": 0})
        await publish(sender.site, "one")
        (job,) = await deliveries(sender)
        assert job["state"] == "queued"
        assert "refuses the next one" in job["error"]
        assert peer.sent() == [1]


async def test_a_peer_that_was_removed_gets_no_notes(open_app: Any) -> None:
    async with open_app(RelayPlugin, **config()) as app:
        await app.site.db.write(
            lambda tx: tx.enqueue(
                services.DELIVER, {"peer": "https://gone.example", "number": 1}, lane="relay.gone"
            )
        )
        await run_jobs(app.site)
        (job,) = await deliveries(app)
    assert (job["state"], job["error"]) == ("dead", "https://gone.example is no peer any more")


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
