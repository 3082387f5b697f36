"""Bodies that are read whole and streamed: once, within limits, from clients that stop."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from tests.http.bodies.conftest import MEBIBYTE, STALL
from tests.http.wire import answer_to

pytestmark = pytest.mark.database("sqlite")

STREAM = {"Content-Type": "application/octet-stream"}


def put(*headers, path="/api/stored"):
    lines = [f"PUT {path} HTTP/1.1", "Host: x", "Content-Type: application/octet-stream"]
    return "\r\n".join([*lines, *headers, "", ""]).encode()


def signed(body):
    return {"Signature": hashlib.sha256(body).hexdigest()}


async def test_an_authenticator_that_reads_the_body_leaves_it_for_decoding(client):
    body = b'{"text": "hello"}'
    headers = {**signed(body), "Content-Type": "application/json"}
    response = await client.post("/api/notes", content=body, headers=headers)
    assert response.json() == {"text": "hello", "actor": "b.example", "length": len(body)}


async def test_an_authenticator_that_reads_the_body_leaves_it_for_streams(client, address):
    body = b"x" * 300_000
    response = await client.put("/api/stored", content=body, headers={**signed(body), **STREAM})
    assert response.json() == {"sha256": hashlib.sha256(body).hexdigest(), "length": len(body)}
    response = await client.patch("/api/stored", content=body, headers={**signed(body), **STREAM})
    assert response.json() == {"length": len(body)}


async def test_a_signature_that_does_not_fit_the_body_is_refused_by_the_same_reading(client):
    headers = {**signed(b"another"), "Content-Type": "application/json"}
    response = await client.post("/api/notes", content=b'{"text": "hello"}', headers=headers)
    assert response.json()["actor"] is None  # public: an invalid credential counts as none


@pytest.mark.parametrize("length", [0, 1, 65_536, 3 * MEBIBYTE])
async def test_a_streamed_body_is_complete(client, length):
    body = bytes(range(256)) * (length // 256) + b"." * (length % 256)
    response = await client.put("/api/stored", content=body, headers=STREAM)
    assert response.json() == {"sha256": hashlib.sha256(body).hexdigest(), "length": length}


async def test_a_client_that_stops_half_way_is_gone_and_not_complete(address, ended):
    _, writer = await asyncio.open_connection(*address)
    writer.write(put("Content-Length: 1000") + b"half")
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.close()
    for _ in range(100):
        if ended:
            break
        await asyncio.sleep(0.02)
    assert ended == ["gone"]


async def test_a_client_that_falls_silent_is_told_so(address, ended):
    response = await answer_to(address, put("Content-Length: 1000") + b"half")
    assert response.startswith(b"HTTP/1.1 408")
    assert b"body_timeout" in response
    assert ended == []


async def test_a_client_that_drips_is_given_up_too(address):
    """A byte now and then is no progress."""
    drops = [b"."] * 30
    response = await answer_to(address, put("Content-Length: 1000"), *drops, pause=STALL / 10)
    assert response.startswith(b"HTTP/1.1 408") or response == b"closed"


async def test_a_slow_client_that_makes_progress_is_waited_for(address):
    pieces = [b"x" * 5_000] * 6
    head = put("Content-Length: 30000", "Connection: close")
    response = await answer_to(address, head, *pieces, pause=STALL / 2)
    assert b'"length":30000' in response


async def test_a_stream_obeys_its_limit_with_and_without_a_length(client, address):
    declared = await client.put("/api/stored", content=b"x" * (9 * MEBIBYTE), headers=STREAM)
    assert (declared.status_code, declared.json()["code"]) == (413, "too_large")
    chunk = b"%x\r\n%s\r\n" % (MEBIBYTE, b"x" * MEBIBYTE)
    head = put("Transfer-Encoding: chunked")
    response = await answer_to(address, head, *[chunk] * 9)
    assert response.startswith(b"HTTP/1.1 413") or response == b"closed"


async def test_a_streamed_body_is_read_whole_only_up_to_the_sites_limit(client):
    small = await client.post("/api/stored", content=b"x" * 1_000_000, headers=STREAM)
    large = await client.post("/api/stored", content=b"x" * 1_000_001, headers=STREAM)
    assert (small.json(), large.status_code) == ({"length": 1_000_000}, 413)


async def test_the_media_type_is_that_of_the_declaration(client):
    response = await client.put("/api/stored", content=b"x", headers={"Content-Type": "image/png"})
    assert response.status_code == 415
    assert "application/octet-stream" in response.json()["detail"]
    plain = {"Content-Type": "text/plain; charset=utf-8"}
    assert (await client.post("/api/twice", content=b"", headers=plain)).status_code == 500


async def test_reading_a_stream_twice_is_an_error_that_says_so(client, caplog):
    headers = {"Content-Type": "text/plain"}
    assert (await client.post("/api/twice", content=b"abc", headers=headers)).status_code == 500
    assert "was streamed already" in caplog.text


async def test_target_uri_is_the_configured_origin_and_what_the_client_sent(client):
    headers = [("X-Many", "a"), ("X-Many", "b, c"), ("Host", "evil.example")]
    found = (await client.get("/addressed/a%20b%C3%A9c?q=%C3%A9&q=1", headers=headers)).json()
    assert found["name"] == "a béc"
    assert found["lines"] == ["a", "b, c"]
    assert found["target"] == "https://a.example/addressed/a%20b%C3%A9c?q=%C3%A9&q=1"
