"""However large a body is, it costs the process the same memory."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[1] / "programs" / "bodies_site.py"
MEBIBYTE = 1024 * 1024
#: Each is sent whole; with ``CHANGEMAKER_UPLOAD_MIB=2048`` by the measurement of two gigabytes.
SIZE = int(os.environ.get("CHANGEMAKER_UPLOAD_MIB", "256")) * MEBIBYTE
MOST_GROWTH = 20_000_000
BOUNDARY = b"----boundary"

pytestmark = [
    pytest.mark.database("sqlite"),
    pytest.mark.proc,
]


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    command = [sys.executable, PROGRAM, str(tmp_path_factory.mktemp("site"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def exchange(port, method, content_type, before, length, after):
    """Send a body of ``length`` bytes between two texts; return the JSON response."""
    whole = len(before) + length + len(after)
    lines = [f"{method} /api/bodies HTTP/1.1", "Host: x", "Connection: close"]
    lines += [f"Content-Type: {content_type}", f"Content-Length: {whole}", "", ""]
    piece = os.urandom(MEBIBYTE)
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        connection.sendall("\r\n".join(lines).encode() + before)
        for _ in range(length // MEBIBYTE):
            connection.sendall(piece)
        connection.sendall(after)
        received = b""
        while chunk := connection.recv(65_536):
            received += chunk
    return json.loads(received.partition(b"\r\n\r\n")[2])


def bodies():
    disposition = b'Content-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
    before = b"--" + BOUNDARY + b"\r\n" + disposition
    after = b"\r\n--" + BOUNDARY + b"--\r\n"
    multipart = f"multipart/form-data; boundary={BOUNDARY.decode()}"
    return {
        "chunks": ("PUT", "application/octet-stream", b"", SIZE, b""),
        "parts": ("POST", multipart, before, SIZE, after),
    }


@pytest.mark.parametrize("way", ["chunks", "parts"])
def test_a_large_body_does_not_grow_the_process(port, way):
    method, kind, before, _, after = bodies()[way]
    exchange(port, method, kind, before, MEBIBYTE, after)  # whatever is loaded once
    start = exchange(port, "GET", kind, b"", 0, b"")["peak"]
    found = exchange(port, *bodies()[way])
    assert found["length"] == SIZE
    assert found["peak"] - start < MOST_GROWTH
