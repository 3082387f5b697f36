"""Files as responses: whole, safe, and honest about what becomes of them meanwhile."""

from __future__ import annotations

import asyncio
import errno
import os
import socket

import pytest

from changemaker_core import SendFile
from changemaker_core.http.bodies.multipart import clean_filename
from changemaker_core.http.streams import disk
from changemaker_core.http.streams.files import content_disposition
from changemaker_core.server.uvicorn_bridge import HttpProtocol
from changemaker_core.server.uvicorn_bridge.sendfile import send_file
from tests.http.streams.conftest import CONTENT
from tests.http.wire import answer_to, serving

pytestmark = pytest.mark.database("sqlite")


async def test_a_whole_file(client):
    response = await client.get("/files/one.txt")
    assert (response.status_code, response.content) == (200, CONTENT)
    assert response.headers["last-modified"] == "Sun, 01 Mar 2026 12:00:00 GMT"
    assert response.headers["cache-control"] == "private, no-cache"
    assert "script-src" not in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_an_empty_file(client):
    response = await client.get("/files/empty.txt")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == "0"


async def test_headers_of_the_responder_stay(client):
    response = await client.get("/memory")
    assert response.content == CONTENT
    assert response.headers["cache-control"] == "public, max-age=60"
    assert response.headers["etag"] == '"v1"'
    assert response.cookies["seen"] == "1"


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS])
async def test_a_file_system_without_sendfile(tmp_path, monkeypatch, number):
    """FUSE and some shares refuse it, and a sandbox may not have the call."""

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "sendfile", refuse)
    content = os.urandom(3_000_000)
    (tmp_path / "film").write_bytes(content)
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
    theirs.setblocking(False)

    async def receive(count):
        received = bytearray()
        while len(received) < count:
            received += await loop.sock_recv(theirs, 65536)
        return bytes(received)

    with theirs, (tmp_path / "film").open("rb") as file:
        sending = send_file(transport, file.fileno(), 10, len(content) - 10, lambda: False)
        received, _ = await asyncio.gather(receive(len(content) - 10), sending)
        transport.close()
    assert received == content[10:]


@pytest.mark.parametrize("make", ["link", "pipe", "folder", "nothing"])
async def test_what_is_no_regular_file_is_not_found(client, folder, make, tmp_path):
    (tmp_path / "secret").write_text("secret")
    if make == "link":
        (folder / "odd").symlink_to(tmp_path / "secret")
    elif make == "pipe":
        os.mkfifo(folder / "odd")
    elif make == "folder":
        (folder / "odd").mkdir()
    assert (await client.get("/files/odd")).status_code == 404


async def test_iterators(client, made_ended):
    expected = {"async": 1000, "sync": 100_000}
    for how, count in expected.items():
        response = await client.get(f"/made/{how}")
        assert response.content == b"".join(b"%d\n" % number for number in range(count))
        assert response.headers["content-disposition"].startswith("attachment; filename=")
        assert "accept-ranges" not in response.headers
    assert made_ended == ["async", "sync"]


async def test_an_iterator_is_not_run_for_its_head(client, made_ended):
    response = await client.head("/made/async")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["etag"] == 'W/"made"'
    assert made_ended == []


async def test_an_iterator_that_fails_at_once_is_an_error_response(client):
    assert (await client.get("/made/fails")).status_code == 404


async def test_a_file_is_not_cached_as_a_response(client, caplog):
    assert (await client.get("/cached")).status_code == 500
    assert "cannot be a stream" in caplog.text


async def test_deliveries_are_not_calls_of_the_api(app):
    async def statuses(path):
        found = []
        for number in range(320):
            headers = [(b"host", b"x"), (b"range", b"bytes=%d-%d" % (number, number))]
            found.append(await status_of(app, path, headers))
        return set(found)

    assert await statuses("/api/files/one.txt") == {206}
    assert await statuses("/api/counted/one.txt") == {206, 429}
    assert {each.delivery for each in app.site.routes() if each.path.startswith("/api/files")} == {
        True
    }


async def status_of(app, path, headers):
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(event):
        sent.append(event)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": headers,
        "client": ("192.0.2.7", 1),
    }
    await app(scope, receive, send)
    return sent[0]["status"]


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.csv", b'attachment; filename="a.csv"'),
        ("a b.csv", b'attachment; filename="a b.csv"'),
        ("../../etc/passwd", b'attachment; filename="passwd"'),
        ('a"; f="b', b"attachment; filename=\"a__ f=_b\"; filename*=UTF-8''a%22%3B%20f%3D%22b"),
        ("a\r\nX-Evil: 1", b"attachment; filename=\"aX-Evil_ 1\"; filename*=UTF-8''aX-Evil%3A%201"),
        ("日.txt", b"attachment; filename=\"download.txt\"; filename*=UTF-8''%E6%97%A5.txt"),
        ("", b'attachment; filename="download"'),
        ("..", b'attachment; filename="download"'),
        ("100%25.txt", b"attachment; filename=\"100_25.txt\"; filename*=UTF-8''100%2525.txt"),
    ],
)  # fmt: skip
def test_names_of_downloads(name, header):
    assert content_disposition(name) == header
    assert clean_filename(name) == clean_filename(clean_filename(name))


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (("text", "text/plain"), {}),
        ((b"", "text\r\nx"), {}),
        ((b"", "html"), {}),
        ((b"", "text/plain"), {"etag": 'a"b'}),
        ((b"", "text/plain"), {"etag": "é"}),
    ],
)
def test_what_cannot_be_sent_is_an_error_at_once(arguments, options):
    with pytest.raises((TypeError, ValueError)):
        SendFile(*arguments, **options)


async def test_a_file_that_becomes_shorter_ends_the_connection(app, folder):
    (folder / "large").write_bytes(b"x" * 20_000_000)

    async with serving(app, HttpProtocol) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET /files/large HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        os.truncate(folder / "large", 5_000_000)
        rest = await asyncio.wait_for(reader.read(), 60)
        writer.close()
    assert b"content-length: 20000000" in head
    assert len(rest) < 20_000_000


@pytest.mark.parametrize("no_wait", [True, False])
async def test_reading_from_memory_and_from_a_thread_are_equal(folder, monkeypatch, no_wait):
    if not no_wait:
        monkeypatch.setattr(disk, "_NO_WAIT", None)
    file, state = await disk.open_file(folder / "one.txt")
    with file:
        assert await disk.read(file.fileno(), 100, 50) == CONTENT[100:150]
        assert await disk.read(file.fileno(), state.st_size, 50) == b""
        await disk.load(file.fileno(), 0, state.st_size)


async def test_over_a_socket_ranges_come_in_order(app):
    request = b"GET /files/one.txt HTTP/1.1\r\nHost: x\r\nRange: bytes=%d-%d\r\n\r\n"
    last = b"GET /files/one.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    async with serving(app, HttpProtocol) as address:
        wanted = [request % (n, n + 9) for n in range(0, 500, 100)]
        response = await answer_to(address, b"".join([*wanted, last]))
    heads = response.count(b"HTTP/1.1 206")
    assert heads == 5
    assert response.endswith(CONTENT)
