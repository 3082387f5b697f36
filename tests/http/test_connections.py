"""Connections of clients that go on sending, never read, or send what can be read in two ways."""

from __future__ import annotations

import asyncio
import re
import socket
import time

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from changemaker_core.app import create_app
from changemaker_core.server.uvicorn_bridge import HttpProtocol, closing, sharing
from changemaker_core.server.uvicorn_bridge.connection import MAX_AHEAD
from tests.http.wire import answer_to, serving

pytestmark = pytest.mark.database("sqlite")

MEBIBYTE = 1024 * 1024


@pytest.fixture
def protocols(monkeypatch):
    """The connections that are made, in their order."""
    made = []
    original = HttpProtocol.connection_made

    def connection_made(self, transport):
        made.append(self)
        original(self, transport)

    monkeypatch.setattr(HttpProtocol, "connection_made", connection_made)
    return made


@pytest.fixture
async def address(app, protocols):
    async with serving(app, HttpProtocol) as address:
        yield address


def request(path="/api/things", *headers, method="GET", body=b""):
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def refused_upload(size, path="/api/things", method="DELETE"):
    """The head of a request that is refused (401 or 413) while its body is on the way."""
    kind = "Content-Type: application/json"
    return request(path, kind, f"Content-Length: {size}", method=method)


def send_all_then_read(address, head, size):
    """A client that reads only once it has sent everything, as many libraries do."""
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(head)
        piece = b"x" * 65_536
        for _ in range(size // len(piece)):
            connection.sendall(piece)
        received = b""
        while chunk := connection.recv(65_536):
            received += chunk
        return received


@pytest.mark.parametrize("attempt", range(3))
@pytest.mark.parametrize(
    ("status", "size"), [(401, 900_000), (401, 6_000_000), (404, 900_000), (413, 6_000_000)]
)
async def test_a_refusal_reaches_a_client_that_is_still_sending(address, status, size, attempt):
    method = "DELETE" if status == 401 else "POST"
    size -= size % 65_536
    path = {401: "/api/large", 404: "/api/nowhere", 413: "/api/things"}[status]
    head = refused_upload(size, path, method)
    head = head.replace(b"Host: x", b"Host: x\r\nConnection: close")
    response = await asyncio.to_thread(send_all_then_read, address, head, size)
    assert response.startswith(b"HTTP/1.1 %d" % status)


async def test_a_refusal_reaches_a_client_with_very_much_to_send(address):
    """It is slowed down, and can read the response meanwhile."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(refused_upload(500 * MEBIBYTE, method="POST"))

    async def send():
        for _ in range(500):
            writer.write(b"x" * MEBIBYTE)
            await writer.drain()

    sending = asyncio.create_task(send())
    response = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
    assert response.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in response
    sending.cancel()
    writer.close()


async def test_httpx_gets_the_refusal_of_a_large_body(address):
    async with httpx.AsyncClient(base_url="http://{}:{}".format(*address)) as client:
        for _ in range(3):
            response = await client.post(
                "/api/things",
                content=b"x" * (4 * MEBIBYTE),
                headers={"Content-Type": "application/json"},
            )
            assert response.status_code == 413


async def test_a_connection_goes_on_after_a_small_body_that_was_refused(address):
    reader, writer = await asyncio.open_connection(*address)
    writer.write(refused_upload(200_000, "/api/large"))
    refused = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
    assert refused.startswith(b"HTTP/1.1 401")
    await reader.readexactly(int(re.search(rb"content-length: (\d+)", refused)[1]))
    writer.write(b"x" * 200_000 + request())
    assert (await asyncio.wait_for(reader.readline(), 60)).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_a_refused_client_that_stops_within_its_body_is_closed(address, monkeypatch):
    monkeypatch.setattr(f"{HttpProtocol.__module__}.LINGER_SECONDS", 0.2)
    monkeypatch.setattr(closing, "LINGER_SECONDS", 0.2)
    response = await answer_to(address, refused_upload(200_000, "/api/large"), b"x" * 100)
    assert response.startswith(b"HTTP/1.1 401")


async def test_a_refused_client_that_never_stops_is_left(address, protocols, monkeypatch):
    monkeypatch.setattr(closing, "LINGER_SECONDS", 0.5)
    _, writer = await asyncio.open_connection(*address)
    writer.write(request("/api/large", "Transfer-Encoding: chunked", method="DELETE"))
    chunk = b"%x\r\n%s\r\n" % (MEBIBYTE, b"x" * MEBIBYTE)
    sent = 0
    with pytest.raises((ConnectionError, TimeoutError)):
        for _ in range(200):
            writer.write(chunk)
            await asyncio.wait_for(writer.drain(), 60)
            sent += MEBIBYTE
            await asyncio.sleep(0)
    assert sent < 100 * MEBIBYTE
    assert protocols[0].transport.is_closing()
    writer.close()


async def test_a_client_that_pipelines_and_never_reads_costs_a_buffer(address, protocols):
    """5,000 requests at once: what was parsed ahead was kept for each of them."""
    count = 5_000
    reader, writer = await asyncio.open_connection(*address, limit=4096)
    writer.transport.pause_reading()
    writer.write(b"".join(request(f"/api/seen?n={n}") for n in range(count)))
    await asyncio.sleep(1)
    protocol = protocols[0]
    held = len(protocol._waiting) + protocol.transport.get_write_buffer_size()
    assert len(protocol.pipeline) <= MAX_AHEAD
    assert held < MEBIBYTE
    writer.transport.resume_reading()
    for _ in range(count):
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
        assert head.startswith(b"HTTP/1.1 200")
        await reader.readexactly(int(re.search(rb"content-length: (\d+)", head)[1]))
    writer.close()


async def test_a_client_that_never_reads_is_left(app, protocols, monkeypatch):
    monkeypatch.setattr(closing, "READ_SECONDS", 0.3)
    async with serving(app, HttpProtocol) as address:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(address)
            client.setblocking(False)
            many = request("/api/seen") * 3_000
            until = time.monotonic() + 20
            while time.monotonic() < until and not (
                protocols and protocols[0].transport.is_closing()
            ):
                try:
                    client.send(many)
                except BlockingIOError:
                    pass
                except ConnectionError:
                    break
                await asyncio.sleep(0.05)
            assert protocols[0].transport.is_closing()


async def test_connections_of_a_process_are_limited(make_config, probe):
    app = create_app(make_config(max_connections=2), [probe])
    async with serving(app, HttpProtocol) as address:
        open_ones = [await asyncio.open_connection(*address) for _ in range(2)]
        response = await answer_to(address, request())
        assert response.startswith(b"HTTP/1.1 503")
        assert b"retry-after" in response
        for _, writer in open_ones:
            writer.write(request())
        for reader, writer in open_ones:
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            writer.close()
        await asyncio.sleep(0.1)
        response = await answer_to(address, request("/api/things", "Connection: close"))
        assert response.startswith(b"HTTP/1.1 200")
    app.site.close()


async def test_one_address_has_at_most_half_of_the_connections(make_config, probe, monkeypatch):
    addresses = ["192.0.2.1"] * 4 + ["192.0.2.2"] + ["127.0.0.1"] * 2 + ["192.0.2.1"]
    original = HttpProtocol.connection_made

    def connection_made(self, transport):
        address = (addresses.pop(0), 1)
        monkeypatch.setattr(HttpToolsProtocol, "connection_made", made_from(address))
        original(self, transport)

    def made_from(address, made=HttpToolsProtocol.connection_made):
        def made_at(self, transport):
            made(self, transport)
            self.client = address

        return made_at

    monkeypatch.setattr(HttpProtocol, "connection_made", connection_made)
    app = create_app(make_config(max_connections=6), [probe])
    statuses = []
    async with serving(app, HttpProtocol) as address:
        writers = []
        for _ in range(7):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(request())
            statuses.append(int((await asyncio.wait_for(reader.readline(), 10)).split()[1]))
            writers.append(writer)
        for writer in (writers[0], writers[3]):  # one that was refused counts no more
            writer.close()
        await asyncio.sleep(0.1)
        reader, writer = await asyncio.open_connection(*address)
        writer.write(request())
        statuses.append(int((await asyncio.wait_for(reader.readline(), 10)).split()[1]))
        visitors = sharing.turns_of(asyncio.get_running_loop()).visitors
        assert dict(visitors._connections) == {"192.0.2.1": 3, "192.0.2.2": 1}
        for each in (*writers, writer):
            each.close()
        await asyncio.sleep(0.1)
        assert not visitors._connections
    app.site.close()
    assert statuses == [200, 200, 200, 503, 200, 200, 200, 200]


async def test_a_chunked_body_of_empty_lines_is_parsed_in_few_steps(address, monkeypatch):
    """And what follows it is not taken for too many requests at once."""
    steps = []
    original = HttpProtocol._parse

    def parse(self, data):
        steps.append(len(data))
        original(self, data)

    monkeypatch.setattr(HttpProtocol, "_parse", parse)
    body = b"\r\n" * 30_000 + b"{}"
    head = request("/api/things", *JSON, "Transfer-Encoding: chunked", method="POST")
    pipelined = request() * 2 * MAX_AHEAD
    data = head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) + pipelined
    received = await answer_to(address, data + request("/api/things", "Connection: close"))
    assert received.count(b"HTTP/1.1 ") == 2 * MAX_AHEAD + 2
    assert len(steps) < len(body) / 100


def test_clients_that_pipeline_share_a_part_of_each_turn():
    """Each goes on in its turn, and no turn is one of hundreds."""

    class Loop:
        def __init__(self):
            self.soon, self.now = [], 0.0

        def time(self):
            return self.now

        def call_soon(self, call):
            self.soon.append(call)

        def turn(self):
            soon, self.soon = self.soon, []
            for call in soon:
                call()

    loop, taken = Loop(), []
    turns = sharing.Turns(loop)

    def client(name, seconds):
        def take():
            taken.append(name)
            loop.now += seconds
            if taken.count(name) < 3:
                turns.add(take)

        turns.add(take)

    for number in range(100):
        client(number, 0.0001 if number else 1.0)
    counts = []
    while loop.soon:
        assert len(loop.soon) == 1
        before = len(taken)
        loop.turn()
        counts.append(len(taken) - before)
    assert taken == [*range(100)] * 3
    assert counts[0] == 1  # the slow one has used up the turn
    assert max(counts) == sharing.TURN_CONNECTIONS


POST = b"POST /api/things HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
#: Heads, and the statuses with which they may be refused; 501 is for codings that nobody knows.
REFUSED = {
    "no host": (b"GET /api/things HTTP/1.1\r\n", {400}),
    "two hosts": (b"GET /api/things HTTP/1.1\r\nHost: x\r\nHost: y\r\n", {400}),
    "twice the same host": (b"GET /api/things HTTP/1.1\r\nHost: x\r\nHost: x\r\n", {400}),
    "empty host": (b"GET /api/things HTTP/1.1\r\nHost:\r\n", {400}),
    "a list of hosts": (b"GET /api/things HTTP/1.1\r\nHost: x, y\r\n", {400}),
    "host with a path": (b"GET /api/things HTTP/1.1\r\nHost: x/y\r\n", {400}),
    "host with a user": (b"GET /api/things HTTP/1.1\r\nHost: u@x\r\n", {400}),
    "half an address": (b"GET /api/seen HTTP/1.1\r\nHost: [::1\r\n", {400}),
    "no port": (b"GET /api/seen HTTP/1.1\r\nHost: x:port\r\n", {400}),
    "gzip, chunked": (POST + b"Transfer-Encoding: gzip, chunked\r\n", {400, 501}),
    "chunked, gzip": (POST + b"Transfer-Encoding: chunked, gzip\r\n", {400, 501}),
    "chunked, chunked": (POST + b"Transfer-Encoding: chunked, chunked\r\n", {400, 501}),
    "chunked twice": (POST + CHUNKED + CHUNKED, {400, 501}),
    "chunked;q=1": (POST + b"Transfer-Encoding: chunked;q=1\r\n", {400, 501}),
    "xchunked": (POST + b"Transfer-Encoding: xchunked\r\n", {400, 501}),
    "gzip": (POST + b"Transfer-Encoding: gzip\r\n", {400, 501}),
    "identity": (POST + b"Transfer-Encoding: identity\r\n", {400, 501}),
    "an empty coding": (POST + b"Transfer-Encoding:\r\n", {400, 501}),
    "a blank before the colon": (POST + b"Transfer-Encoding : chunked\r\n", {400}),
    "a tab before the coding": (POST + b"Transfer-Encoding:\x0bchunked\r\n", {400, 501}),
    "a folded coding": (POST + b"Transfer-Encoding:\r\n chunked\r\n", {400, 501}),
    "a folded header": (POST + b"X-A: 1\r\n Transfer-Encoding: chunked\r\n", {400}),
    "chunked in HTTP/1.0": (b"POST /api/things HTTP/1.0\r\nHost: x\r\n" + CHUNKED, {400}),
    "chunked and keep-alive in HTTP/1.0": (
        b"POST /api/things HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n" + CHUNKED,
        {400},
    ),
    "length and coding": (POST + b"Content-Length: 4\r\n" + CHUNKED, {400}),
    "coding and length": (POST + CHUNKED + b"Content-Length: 4\r\n", {400}),
    "two lengths": (POST + b"Content-Length: 4\r\nContent-Length: 5\r\n", {400}),
    "twice the same length": (POST + b"Content-Length: 5\r\nContent-Length: 5\r\n", {400}),
    "a list of lengths": (POST + b"Content-Length: 5, 5\r\n", {400}),
    "+5": (POST + b"Content-Length: +5\r\n", {400}),
    "-5": (POST + b"Content-Length: -5\r\n", {400}),
    "0x5": (POST + b"Content-Length: 0x5\r\n", {400}),
    "5_0": (POST + b"Content-Length: 5_0\r\n", {400}),
    "5 0": (POST + b"Content-Length: 5 0\r\n", {400}),
    "no length": (POST + b"Content-Length:\r\n", {400}),
    "a length without end": (POST + b"Content-Length: 99999999999999999999\r\n", {400, 413}),
    "a blank before the colon of the length": (POST + b"Content-Length : 5\r\n", {400}),
    "a lone line feed": (POST.replace(b"\r\n", b"\n"), {400}),
    "a lone carriage return": (POST + b"X-A: 1\rContent-Length: 5\r\n", {400}),
    "a null": (POST + b"X-A: 1\x00\r\n", {400}),
    "a second version": (b"GET /api/things HTTP/1.1 HTTP/1.1\r\nHost: x\r\n", {400}),
    "another version": (b"GET /api/things HTTP/3.7\r\nHost: x\r\n", {400}),
}
#: What would be answered as a request of its own, where a server reads the head another way.
SMUGGLED = b"0\r\n\r\n" + request("/api/seen")


async def test_heads_that_can_be_read_in_two_ways_are_refused_and_nothing_after_them_is_read(
    address,
):
    wrong = []
    for name, (head, allowed) in REFUSED.items():
        response = await answer_to(address, head + b"\r\n" + SMUGGLED)
        statuses = [int(each) for each in re.findall(rb"HTTP/1\.1 (\d+) ", response)]
        if len(statuses) != 1 or statuses[0] not in allowed:
            wrong.append((name, statuses, response[:200]))
    assert not wrong


HEADS = {
    "HTTP/1.0 without": b"GET /api/things HTTP/1.0\r\n",
    "a port": b"GET /api/things HTTP/1.1\r\nHost: x:4000\r\n",
    "an address": b"GET /api/things HTTP/1.1\r\nHost: [::1]:4000\r\n",
    "an underscore": b"GET /api/things HTTP/1.1\r\nHost: my_site\r\n",
    "blanks before a length": b"GET /api/things HTTP/1.1\r\nHost: x\r\nContent-Length:  0\r\n",
}


@pytest.mark.parametrize("name", HEADS)
async def test_heads_that_can_be_read_in_one_way(address, name):
    response = await answer_to(address, HEADS[name] + b"Connection: close\r\n\r\n")
    assert response.startswith(b"HTTP/1.1 200"), response[:200]


async def test_the_host_of_an_absolute_address_is_the_one(address):
    head = (
        b"GET http://a.example:81/api/seen HTTP/1.1\r\nHost: b.example\r\nConnection: close\r\n\r\n"
    )
    response = await answer_to(address, head)
    assert b'"uri":"http://a.example:81/api/seen"' in response


LETTER = b'{"name": "Ada", "email": "ada@example.org"}'
JSON = ["Content-Type: application/json"]
#: Requests of each kind, and what begins their response.
KINDS = [
    (request(), b"200"),
    (request("/api/seen"), b"200"),
    (request("/api/things", *JSON, method="POST", body=LETTER), b"201"),
    (
        request("/api/things", *JSON, "Transfer-Encoding: chunked", method="POST")
        + b"%x\r\n%s\r\n0\r\n\r\n" % (len(LETTER), LETTER),
        b"201",
    ),
    (request("/api/things", method="HEAD"), b"200"),
    (request("/api/large", method="DELETE", body=b"\r\n\r\nGET / HTTP/1.1\r\n\r\n" * 3), b"401"),
    (b"\r\n" + request("http://x/api/things"), b"200"),
]  # fmt: skip


@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=8),
    cuts=st.lists(st.integers(1, 400), max_size=12),
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_pipelined_requests_get_the_same_responses_however_they_are_cut(address, kinds, cuts):
    last = request("/api/things", "Connection: close")
    sent = b"".join([each for each, _ in kinds]) + last
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(sent[at : at + cut])
        at += cut
    pieces.append(sent[at:])
    response = await answer_to(address, *[each for each in pieces if each], pause=0.001)
    statuses = re.findall(rb"HTTP/1.1 (\d+) ", response)
    assert statuses == [*[status for _, status in kinds], b"200"]
