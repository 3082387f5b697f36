"""Cached responses over real sockets: equal to uncached ones, in order, and never stale."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket

import httpx
import pytest
import uvicorn

from changemaker_core.app import create_app
from changemaker_core.server.uvicorn_bridge import HttpProtocol, connection
from changemaker_core.testing.server import OperatedSite

pytestmark = pytest.mark.database("sqlite")

HEALTH = "/api/health/live"  # never cached
LIST = "/api/public/campaigns"  # cached from the second time on


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The address of a demonstration site."""
    folder = tmp_path_factory.mktemp("site")
    site = OperatedSite(folder)
    with site.start("demo", "--port", "0", "--folder", str(folder / "demo")) as (_, address):
        yield address


@pytest.fixture
def wire(address):
    """A connection without a client library: what is sent is what is written here."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        yield Wire(connection, f"{host}:{port}")


class Wire:
    def __init__(self, connection, host):
        self.connection, self.host = connection, host
        self.file = connection.makefile("rb")

    def request(self, path, *headers, method="GET", version="1.1"):
        lines = [f"{method} {path} HTTP/{version}", f"Host: {self.host}", *headers, "", ""]
        return "\r\n".join(lines).encode()

    def send(self, *requests):
        self.connection.sendall(b"".join(requests))

    def response(self, *, body=True):
        """Return status, headers and body of the next response."""
        status = int(self.file.readline().split()[1])
        headers = {}
        while line := self.file.readline().strip().decode():
            name, _, value = line.partition(": ")
            assert name not in headers, f"{name} came twice"
            headers[name] = value
        length = int(headers.get("content-length", 0)) if body else 0
        return status, headers, self.file.read(length)

    def ask(self, *args, **kwargs):
        self.send(self.request(*args, **kwargs))
        return self.response(body=kwargs.get("method") != "HEAD")


def same(response):
    """Return a response without its id and date."""
    status, headers, body = response
    return status, {k: v for k, v in headers.items() if k not in ("x-request-id", "date")}, body


def test_a_cached_response_equals_the_first_one(wire):
    responses = [wire.ask(LIST) for _ in range(4)]
    assert responses[0][0] == 200
    assert all(same(response) == same(responses[0]) for response in responses)
    assert len({headers["x-request-id"] for _, headers, _ in responses}) == 4
    assert all("date" in headers for _, headers, _ in responses)


def test_a_client_that_has_it_gets_a_304(wire):
    _, headers, _ = wire.ask(LIST)
    status, again, body = wire.ask(LIST, f"If-None-Match: {headers['etag']}")
    assert (status, again["etag"], body) == (304, headers["etag"], b"")
    assert wire.ask(LIST, 'If-None-Match: "other"')[0] == 200


def test_pipelined_responses_are_in_order(wire):
    wire.ask(LIST)
    paths = [LIST, HEALTH, LIST, LIST, HEALTH, LIST]
    wire.send(*(wire.request(path) for path in paths))
    bodies = [wire.response()[2] for _ in paths]
    assert [body.startswith(b'{"data"') for body in bodies] == [path == LIST for path in paths]


def test_a_request_in_pieces_is_one_request(wire):
    wire.ask(LIST)
    whole = wire.request(LIST)
    for piece in (whole[:7], whole[7:20], whole[20:-2], whole[-2:]):
        wire.connection.sendall(piece)
    assert wire.response()[0] == 200


def test_head_gets_no_body(wire):
    made = wire.ask(LIST)
    status, headers, body = wire.ask(LIST, method="HEAD")
    assert (status, body) == (200, b"")
    assert headers["content-length"] == made[1]["content-length"]
    assert wire.ask(LIST)[2] == made[2]


@pytest.mark.parametrize(
    ("headers", "version"), [(("Connection: close",), "1.1"), ((), "1.0")], ids=["close", "1.0"]
)
def test_a_connection_that_is_to_be_closed_is_closed(wire, headers, version):
    wire.ask(LIST)
    assert wire.ask(LIST, *headers, version=version)[0] == 200
    assert wire.file.read() == b""


def test_a_body_of_a_get_is_read_past(wire):
    wire.ask(LIST)
    wire.send(wire.request(LIST, "Content-Length: 5"), b"hello", wire.request(HEALTH))
    assert wire.response()[0] == 200
    assert wire.response()[2] == b'{"status":"ok"}'


def login(wire, body):
    """The head of a request that has this body."""
    headers = ("Content-Type: application/json", f"Content-Length: {len(body)}")
    return wire.request("/api/auth/refresh", *headers, method="POST")


WRONG = b'{"refresh_token": "nonsense"}'


def test_a_body_that_comes_with_its_head(wire):
    for _ in range(3):
        wire.send(login(wire, WRONG), WRONG)
        assert wire.response()[0] == 401
        assert wire.ask(HEALTH)[2] == b'{"status":"ok"}'


def test_a_body_that_comes_in_pieces(wire):
    wire.send(login(wire, WRONG))
    for place in range(len(WRONG)):
        wire.connection.sendall(WRONG[place : place + 1])
    assert wire.response()[0] == 401
    assert wire.ask(HEALTH)[0] == 200


def test_bodies_of_pipelined_requests_do_not_mix(wire):
    broken = b'{"refresh_token": '
    bodies = [WRONG, broken, WRONG, broken]
    wire.send(*(login(wire, body) + body for body in bodies), wire.request(HEALTH))
    assert [wire.response()[0] for _ in bodies] == [401, 400, 401, 400]
    assert wire.response()[2] == b'{"status":"ok"}'


def test_a_chunked_body_has_the_same_limit(wire):
    headers = ("Content-Type: application/json", "Transfer-Encoding: chunked")
    head = wire.request("/api/auth/refresh", *headers, method="POST")
    chunked = [b"%x\r\n%s\r\n" % (len(part), part) for part in (WRONG[:9], WRONG[9:])]
    wire.send(head, *chunked, b"0\r\n\r\n")
    assert wire.response()[0] == 401
    large = b"%x\r\n%s\r\n" % (1_000_001, b"x" * 1_000_001)
    wire.send(head, large, b"0\r\n\r\n")
    assert wire.response()[0] == 413


def test_expect_100_continue(wire):
    wire.send(login(wire, WRONG).replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
    assert wire.file.readline() == b"HTTP/1.1 100 Continue\r\n"
    assert wire.file.readline() == b"\r\n"
    wire.send(WRONG)
    assert wire.response()[0] == 401


def test_a_visitor_with_credentials_gets_no_cached_response(wire):
    wire.ask(LIST)
    assert wire.ask(LIST, "Cookie: session=1")[0] == 200
    assert wire.ask(LIST, "Authorization: Bearer nonsense")[0] == 200


def test_languages_do_not_mix(wire):
    english = wire.ask("/campaigns", "Accept-Language: en")
    french = wire.ask("/campaigns", "Accept-Language: fr")
    assert b'<html lang="en"' in english[2]
    assert b'<html lang="fr"' in french[2]
    assert same(wire.ask("/campaigns", "Accept-Language: en")) == same(english)
    assert same(wire.ask("/campaigns", "Accept-Language: fr")) == same(french)


def test_cached_responses_are_counted(address, wire):
    def counted():
        text = httpx.get(f"{address}/api/metrics").text
        line = f'http_request_total{{method="GET",route="{LIST}",status="200"}} '
        return next(float(each.split()[-1]) for each in text.splitlines() if line in each)

    wire.ask(LIST)
    before = counted()
    for _ in range(5):
        wire.ask(LIST)
    assert counted() == before + 5


def test_an_idle_connection_is_closed(wire):
    wire.ask(LIST)
    assert wire.ask(LIST)[0] == 200
    assert wire.file.read() == b""  # after uvicorn's five seconds, not the twenty of this test


@pytest.mark.parametrize(
    "beginning",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ",
        b"GET /",
        b"POST /api/auth/logout HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
    ],
    ids=["header", "path", "trailer"],
)
def test_what_has_no_end_is_refused(wire, beginning):
    """The server does not keep what it was sent: 100 MB would otherwise be in its memory."""
    wire.connection.sendall(beginning)
    sent = 0
    with pytest.raises(ConnectionError):
        while sent < 100_000_000:
            sent += wire.connection.send(b"x" * 65_536)
    assert sent < 20_000_000  # what the machine's own buffers hold


def test_a_long_head_is_none_too_long(wire):
    cookies = [f"Cookie: a={'x' * 8_000}" for _ in range(6)]
    assert wire.ask(HEALTH, *cookies)[0] == 200
    for byte_by_byte in (wire.request(HEALTH, "Accept: */*"), wire.request(LIST)):
        for place in range(len(byte_by_byte)):
            wire.connection.sendall(byte_by_byte[place : place + 1])
        assert wire.response()[0] == 200


@pytest.fixture
async def impatient(make_config, monkeypatch):
    """The address of a server that waits half a second for a head."""
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.5)
    app = create_app(make_config(), [])
    config = uvicorn.Config(app, http=HttpProtocol, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        yield listening.getsockname()
        server.should_exit = True
        await serving
    app.site.close()


@pytest.mark.parametrize(
    ("begun", "response"),
    [(b"", b""), (b"G", b"HTTP/1.1 408 "), (b"GET / HTTP/1.1\r\nHost: x\r\n", b"HTTP/1.1 408 ")],
)
async def test_a_late_head_is_refused(impatient, begun, response):
    reader, writer = await asyncio.open_connection(*impatient)
    writer.write(begun)
    said = await asyncio.wait_for(reader.read(), 60)
    assert said.startswith(response) and bool(said) == bool(response)
    writer.close()


async def test_the_time_for_a_head_begins_anew_after_a_response(impatient):
    reader, writer = await asyncio.open_connection(*impatient)
    for _ in range(2):
        writer.write(b"GET /api/health/live HTTP/1.1\r\nHos")
        await asyncio.sleep(0.2)
        writer.write(b"t: x\r\n\r\n")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
        assert head.startswith(b"HTTP/1.1 200 ")
        await asyncio.wait_for(reader.readexactly(len(b'{"status":"ok"}')), 60)
        await asyncio.sleep(0.5)
    writer.close()


@pytest.mark.parametrize("trailer", ["Host: elsewhere", "Sec-Fetch-Site: cross-site"])
def test_a_trailer_is_no_header(wire, trailer):
    """A proxy that replaces headers of a visitor may pass trailers on as it got them."""
    chunked = ("Content-Type: application/json", "Transfer-Encoding: chunked")
    wire.send(
        wire.request("/api/auth/login", *chunked, method="POST"),
        f"2\r\n{{}}\r\n0\r\n{trailer}\r\n\r\n".encode(),
    )
    assert wire.response()[0] == 422
    assert wire.ask(HEALTH)[0] == 200


SMUGGLED = b"POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    "framing", [f"Content-Length: {len(SMUGGLED)}", "Transfer-Encoding: chunked"]
)
@pytest.mark.parametrize("protocol", ["foo", "h2c", "websocket"])
def test_the_body_behind_an_upgrade_is_no_request(wire, protocol, framing):
    wire.send(
        wire.request(
            "/api/auth/refresh",
            "Connection: Upgrade",
            f"Upgrade: {protocol}",
            framing,
            method="POST",
        )
    )
    status, headers, _ = wire.response()
    assert (status, headers["connection"]) == (400, "close")
    with contextlib.suppress(ConnectionError):  # the server may have closed already
        wire.send(SMUGGLED)
        assert wire.file.read() == b""


def test_an_upgrade_is_ignored_and_is_the_last_request(wire):
    wire.send(wire.request(HEALTH, "Connection: Upgrade", "Upgrade: websocket"), wire.request(LIST))
    status, headers, body = wire.response()
    assert (status, headers["connection"], json.loads(body)["status"]) == (200, "close", "ok")
    assert wire.file.read() == b""
