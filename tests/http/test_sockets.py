"""The same over real sockets, where clients go away and never stop."""

from __future__ import annotations

import asyncio
import json

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from changemaker_core.http.request import BUFFERED_BODY
from changemaker_core.http.response import WRITE_RESPONSE, ZERO_COPY
from changemaker_core.server.uvicorn_bridge import HttpProtocol
from tests.http.wire import answer_to, serving

pytestmark = pytest.mark.database("sqlite")


@pytest.fixture(params=[HttpToolsProtocol, HttpProtocol], ids=["uvicorn", "serve"])
async def address(app, request):
    """Any server's way, and that of our own protocol, which offers what ASGI does not have."""
    async with serving(app, request.param) as address:
        yield address


def post(path, *headers, content_type="application/json"):
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: x",
        f"Content-Type: {content_type}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, *headers, "", ""]).encode()


async def test_a_whole_request(address):
    body = b'{"name": "Ada", "email": "ada@example.org"}'
    response = await answer_to(address, post("/api/things", f"Content-Length: {len(body)}"), body)
    assert response.startswith(b"HTTP/1.1 201")


async def test_a_declared_bomb_is_refused_before_it_is_sent(address):
    response = await answer_to(address, post("/api/things", "Content-Length: 999999999"))
    assert response.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in response.lower()


async def test_a_chunked_bomb_is_refused_on_its_way(address):
    chunk = b"%x\r\n%s\r\n" % (50_000, b"x" * 50_000)
    head = post("/api/things", "Transfer-Encoding: chunked")
    response = await answer_to(address, head, *[chunk] * 60, pause=0.001)
    assert response.startswith(b"HTTP/1.1 413") or response == b"closed"


async def test_a_slow_body_is_waited_for(address):
    body = b"name=Ada&email=ada@example.org"
    head = post(
        "/form",
        f"Content-Length: {len(body)}",
        content_type="application/x-www-form-urlencoded",
    )
    pieces = [body[at : at + 5] for at in range(0, len(body), 5)]
    response = await answer_to(address, head, *pieces, pause=0.02)
    assert b'"valid":true' in response


async def test_a_client_that_goes_away_is_counted_and_nothing_breaks(address, counting, caplog):
    body = b"name=Ada&email=ada@example.org"
    head = post("/form", "Content-Length: 900", content_type="application/x-www-form-urlencoded")
    _, writer = await asyncio.open_connection(*address)
    writer.write(head + body)
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.close()
    for _ in range(100):
        if b'route="/form",status="499"' in await counting.site.metrics.exposition():
            break
        await asyncio.sleep(0.02)
    else:
        pytest.fail("the request was not counted")
    assert [record for record in caplog.records if record.exc_info] == []


async def test_a_response_that_fails_midway_does_not_look_complete(address):
    request = b"GET /api/fails/late HTTP/1.1\r\nHost: x\r\n\r\n"
    response = await answer_to(address, request)
    assert b"first" in response
    assert not response.endswith(b"0\r\n\r\n")


async def test_a_proxy_takes_nothing_from_what_our_protocol_offers(open_app, probe):
    request = b"GET /api/seen HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.5\r\n\r\n"
    async with (
        open_app(probe, trusted_proxies=("127.0.0.1/32",)) as app,
        serving(app, HttpProtocol) as address,
    ):
        response = await answer_to(address, request)
    seen = json.loads(response.partition(b"\r\n\r\n")[2])
    assert seen["client_ip"] == "203.0.113.5"
    assert seen["extensions"] == sorted([BUFFERED_BODY, WRITE_RESPONSE, ZERO_COPY])


@pytest.mark.parametrize("size", [5, 500], ids=["in pieces", "whole"])
async def test_a_request_with_a_body_may_get_a_stream(address, size):
    body = b'{"name": "Ada", "email": "ada@example.org"}'
    request = post("/api/export", f"Content-Length: {len(body)}")
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    response = await answer_to(address, request, *pieces, pause=0.01)
    assert response.startswith(b"HTTP/1.1 200")
    assert response.endswith(b"0\r\n\r\n")
    assert b"ada@example.org" in response


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /%ff HTTP/1.1",
        b"GET /\xff HTTP/1.1",
        b"GET /api/things?\xff HTTP/1.1",
        b"GET * HTTP/1.1",
    ],
)
async def test_odd_addresses_are_client_errors(address, request_line):
    response = await answer_to(address, request_line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert response.startswith(b"HTTP/1.1 4"), response[:200]
