"""Event streams: their format, their bounds, and how they end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core import Event
from changemaker_core.db import Database
from changemaker_core.http.streams import events
from changemaker_core.server.uvicorn_bridge import HttpProtocol
from changemaker_core.server.uvicorn_bridge.serving import IDLE_SECONDS
from changemaker_core.testing import client_of, nginx
from changemaker_core.testing.ports import free_port
from tests.http.streams.events_site import Live, Tick, TickingPlugin, tick
from tests.http.wire import serving

PROGRAM = Path(__file__).with_name("events_site.py")

sqlite = pytest.mark.database("sqlite")


def parsed(stream: str) -> list[dict[str, str]]:
    """What a browser makes of a stream (HTML standard, 9.2.6)."""
    found, event = [], {}
    for line in re.split(r"\r\n|\r|\n", stream):
        if line == "":
            if "data" in event:
                found.append(event)
            event = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            event[name] = event["data"] + "\n" + value if name == "data" in event else value
    return found


class Nobody:
    """A request, as far as text events need one."""


text = st.text(st.characters(exclude_categories=["Cs"]))
line = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"))


@given(text, st.none() | line, st.none() | line)
def test_every_text_arrives_as_it_was(data, name, id):
    written = events._written(Event(data=data, event=name, id=id), Nobody()).decode()
    [event] = parsed(written)
    assert re.split(r"\r\n|\r|\n", event["data"]) == re.split(r"\r\n|\r|\n", data)
    assert (event.get("event"), event.get("id")) == (name, id)


@pytest.mark.parametrize("wrong", [{"id": "a\nb"}, {"id": "a\0"}, {"event": "a\rdata: b"}])
def test_an_event_is_never_broken_by_its_name(wrong):
    with pytest.raises(ValueError, match="is one line"):
        Event(data="x", **wrong)


@sqlite
async def test_a_stream_has_its_headers_and_events(open_app):
    async with open_app(TickingPlugin) as app, client_of(app) as client:
        headers = {"Last-Event-ID": "41", "Accept-Language": "fr"}
        response = await client.get("/streams/few", headers=headers)
        assert response.headers["content-type"] == "text/event-stream"
        assert response.headers["x-accel-buffering"] == "no"
        assert response.headers["cache-control"] == "no-store"
        assert response.text.startswith("retry: ")
        one, two, three = parsed(response.text)
        assert one == {"data": "one\ntwo"}
        assert two["id"] == "after 41" and two["retry"] == "1500"
        assert json.loads(two["data"])["text"] != "Not found."
        assert three["data"] == "[null]"
        assert (await client.head("/streams/few")).content == b""
        assert len(app.site.event_streams) == 0


@sqlite
async def test_a_failure_ends_the_stream_and_is_logged_for_the_operator(open_app, caplog):
    async with open_app(TickingPlugin) as app, client_of(app) as client:
        response = await client.get("/streams/fails")
        assert parsed(response.text) == [{"data": "one"}]
        assert "the event stream /streams/{how} failed" in caplog.text
        assert "the secret is 44" in caplog.text


@contextlib.asynccontextmanager
async def open_stream(address, path, *, receive_buffer=None):
    """A raw client that has read the head of a stream, and perhaps no more."""
    connection = socket.create_connection(address)
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    reader, writer = await asyncio.open_connection(sock=connection, limit=2**10)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
    try:
        async with asyncio.timeout(60):
            head = await reader.readuntil(b"\r\n\r\n")
        yield reader, head.decode("latin-1")
    finally:
        writer.close()


async def until(condition):
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
def ended():
    Live.ended.clear()
    return Live.ended


@sqlite
@pytest.mark.parametrize("protocol", [HttpProtocol, "h11"])
async def test_a_client_that_goes_away_ends_its_stream(open_app, ended, protocol):
    async with open_app(TickingPlugin) as app, serving(app, protocol) as address:
        async with open_stream(address, "/streams/silent") as (reader, head):
            assert "200 OK" in head
            assert b"data: one" in await reader.readuntil(b"one")
            assert len(app.site.event_streams) == 1
        await until(lambda: ended == ["silent"])
        assert len(app.site.event_streams) == 0


@sqlite
async def test_a_client_that_stops_reading_ends_its_stream(open_app, ended, monkeypatch):
    monkeypatch.setattr(events, "READ_SECONDS", 0.2)
    async with (
        open_app(TickingPlugin) as app,
        serving(app, HttpProtocol) as address,
        open_stream(address, "/streams/floods", receive_buffer=4096),
    ):
        await until(lambda: ended == ["floods"])
        assert len(app.site.event_streams) == 0


@sqlite
async def test_silence_is_filled_with_comments(open_app, monkeypatch):
    monkeypatch.setattr(events, "KEEP_ALIVE_SECONDS", 0.05)
    async with (
        open_app(TickingPlugin) as app,
        serving(app, HttpProtocol) as address,
        open_stream(address, "/streams/silent") as (reader, _),
        asyncio.timeout(60),
    ):
        await reader.readuntil(b"\n:\n\n")


@sqlite
async def test_a_stream_ends_after_its_longest_time(open_app, monkeypatch):
    monkeypatch.setattr(events, "LONGEST_SECONDS", 0.2)
    async with open_app(TickingPlugin) as app, client_of(app) as client, asyncio.timeout(60):
        assert parsed((await client.get("/streams/silent")).text) == [{"data": "one"}]


@sqlite
@pytest.mark.parametrize(
    ("limits", "status", "retry"),
    [
        ({"event_streams_per_visitor": 2}, "429 Too Many", "retry-after"),
        ({"event_streams": 2}, "503 Service Unavailable", "retry-after"),
    ],
)
async def test_open_streams_are_bounded(open_app, limits, status, retry):
    async with (
        open_app(TickingPlugin, **limits) as app,
        serving(app, HttpProtocol) as address,
        contextlib.AsyncExitStack() as stack,
    ):
        for _ in range(2):
            _, head = await stack.enter_async_context(open_stream(address, "/streams/silent"))
            assert "200 OK" in head
        async with open_stream(address, "/streams/silent") as (_, head):
            assert status in head and retry in head
        async with client_of(app) as client:
            assert "cm_event_streams 2.0" in (await client.get("/api/metrics")).text
        await stack.aclose()
        await until(lambda: len(app.site.event_streams) == 0)


@sqlite
async def test_a_long_stream_does_not_count_as_a_long_request(open_app, monkeypatch):
    monkeypatch.setattr(events, "LONGEST_SECONDS", 0.6)
    async with open_app(TickingPlugin) as app, client_of(app) as client:
        await client.get("/streams/silent")
        metrics = (await client.get("/api/metrics")).text
    found = re.search(r"duration_seconds_sum\{.*streams.*\} (\S+)", metrics)
    assert found is not None and float(found[1]) < events.LONGEST_SECONDS


class Process:
    """The program in a process of its own."""

    def __init__(self, folder, *options):
        self.errors = folder / "errors"
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(  # our own program
                [sys.executable, str(PROGRAM), str(folder), *options],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.address = ("127.0.0.1", int(self.process.stdout.readline()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


async def seconds_to_stop(folder, options, paths):
    """Stop a process on which these streams are open; return the seconds until it has ended."""
    folder.mkdir()
    with Process(folder, *options) as served:
        async with contextlib.AsyncExitStack() as stack:
            readers = []
            for path in paths:
                opened = open_stream(served.address, path)
                reader, head = await stack.enter_async_context(opened)
                assert "200 OK" in head
                await reader.readuntil(b"data: ")
                readers.append(reader)
            served.process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            assert await asyncio.to_thread(served.process.wait, 60) == 0
            seconds = time.monotonic() - began
            for reader in readers:
                async with asyncio.timeout(60):
                    assert (await reader.read()).endswith(b"0\r\n\r\n")
        assert served.errors.read_text() == ""
    return seconds


@sqlite
@pytest.mark.parametrize("options", [[], ["plain"]])
async def test_sigterm_ends_open_streams_at_once_and_quietly(tmp_path, options):
    alone = await seconds_to_stop(tmp_path / "alone", options, [])
    busy = await seconds_to_stop(tmp_path / "busy", options, ["/live", "/streams/silent"] * 10)
    # Less than what an idle connection would be waited for.
    assert busy < alone + IDLE_SECONDS


@sqlite
async def test_what_another_process_writes_arrives(tmp_path):
    with Process(tmp_path) as served:
        async with open_stream(served.address, "/live") as (reader, _), asyncio.timeout(60):
            await reader.readuntil(b'{"count":0}')
            other = Database.open(f"sqlite:///{tmp_path}/site.db")
            await asyncio.to_thread(other.sync.write, tick)
            await reader.readuntil(b'event: count\nid: 1\ndata: {"count":1}\n\n')
            await asyncio.to_thread(other.close)


@sqlite
@pytest.mark.nginx
async def test_events_pass_nginx_as_they_come(open_app, tmp_path):
    """With nginx's defaults, which buffer responses."""
    port = free_port()
    async with open_app(TickingPlugin) as app, serving(app, HttpProtocol) as (host, own):
        await app.site.db.write(lambda tx: Tick.create_table())
        front = tmp_path / "front.conf"
        front.write_text(
            f"server {{ listen 127.0.0.1:{port};"
            f" location / {{ proxy_pass http://{host}:{own}; proxy_http_version 1.1; }} }}"
        )
        running = nginx.running(front, port, tmp_path / "nginx")
        await asyncio.to_thread(running.__enter__)
        try:
            async with open_stream(("127.0.0.1", port), "/live") as (reader, _):
                async with asyncio.timeout(60):
                    await reader.readuntil(b'{"count":0}')
                    await app.site.db.write(tick)
                    await reader.readuntil(b'{"count":1}')
            await until(lambda: len(app.site.event_streams) == 0)
        finally:
            await asyncio.to_thread(running.__exit__, None, None, None)
