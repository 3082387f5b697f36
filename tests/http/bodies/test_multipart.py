"""multipart/form-data: what browsers send, however it arrives, and what attackers send."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from changemaker_core.http.bodies import multipart
from changemaker_core.http.bodies.multipart import clean_filename
from changemaker_core.http.errors import BadRequest, TooLarge
from tests.http.bodies.conftest import STALL
from tests.http.wire import answer_to

pytestmark = pytest.mark.database("sqlite")

BOUNDARY = "----WebKitFormBoundaryX3yz"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def encoded(*parts, boundary=BOUNDARY):
    """Parts of ``(lines of the header, content)`` as browsers write them."""
    pieces = [
        b"--" + boundary.encode() + b"\r\n" + "".join(f"{x}\r\n" for x in head).encode() + b"\r\n"
        + content + b"\r\n"
        for head, content in parts
    ]  # fmt: skip
    return b"".join(pieces) + b"--" + boundary.encode() + b"--\r\n"


def field(name, content):
    return [f'Content-Disposition: form-data; name="{name}"'], content


def file(name, filename, content, kind="image/png"):
    disposition = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"'
    return [disposition, f"Content-Type: {kind}"], content


async def arriving(body, sizes):
    """The body in pieces of ``sizes``, then the rest."""
    at = 0
    for size in sizes:
        if at < len(body):
            yield body[at : at + size]
        at += size
    if at < len(body):
        yield body[at:]


async def read(body, sizes=(), content_type=TYPE, max_parts=100):
    found = []
    async for part in multipart.parts(content_type, arriving(body, sizes), max_parts):
        content = b"".join([chunk async for chunk in part.chunks()])
        found.append((part.name, part.filename, content))
    return found


#: What looks like the beginning of a boundary.
tricky = st.sampled_from([b"\r\n", b"--", b"\r", b"\n", b"--" + BOUNDARY.encode()[:-1]])
contents = st.binary(max_size=200) | st.lists(tricky).map(b"".join)


@given(
    parts=st.lists(
        st.tuples(st.sampled_from(["a", "b", "é"]), st.booleans(), contents), max_size=6
    ),
    sizes=st.lists(st.integers(1, 60), max_size=30),
)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_parts_arrive_as_sent_however_the_network_cuts_them(parts, sizes):
    body = encoded(*[
        file(name, f"{name}.png", content) if is_file else field(name, content)
        for name, is_file, content in parts
    ])  # fmt: skip
    expected = [(n, f"{n}.png" if is_file else None, c) for n, is_file, c in parts]
    assert await read(body, sizes) == expected


async def test_a_part_that_is_not_read_is_skipped(client):
    body = encoded(field("skipped", b"x" * 100_000), file("f", "a.png", b"12"))
    response = await client.post("/api/parts", content=body, headers={"Content-Type": TYPE})
    assert response.json() == [["f", "a.png", "image/png", hashlib.sha256(b"12").hexdigest()]]


@pytest.mark.parametrize(
    ("disposition", "filename"),
    [
        ('filename="../../etc/passwd"', "passwd"),
        (r'filename="C:\\fakepath\\photo.jpg"', "photo.jpg"),
        ('filename=".."', ""),
        ('filename=""', ""),
        ('filename="a%22b.png"', 'a"b.png'),
        ('filename="été à 日本.png"', "été à 日本.png"),
        ("filename=\"x.png\"; filename*=UTF-8''na%C3%AFve.png", "naïve.png"),
        ("filename*=utf-8'fr'..%2F..%2Fr%C3%A9sum%C3%A9.pdf", "résumé.pdf"),
        ("filename*=iso-8859-1''%E9.txt", "é.txt"),
        ("filename=photo.jpg", "photo.jpg"),
        ('filename="a\u202egpj.exe"', "agpj.exe"),
        (f'filename="{"é" * 300}.png"', "é" * 125 + ".png"),
    ],
)
async def test_names_of_files_are_plain_names(disposition, filename):
    body = encoded(([f'Content-Disposition: form-data; name="f"; {disposition}'], b"1"))
    assert await read(body) == [("f", filename, b"1")]


@given(st.text())
def test_a_clean_name_names_a_file_in_its_folder(sent):
    name = clean_filename(sent)
    assert not set(name) & set("/\\\x00\n\r")
    assert name not in (".", "..")
    assert len(name.encode()) <= 255


BROKEN = {
    "nothing": (TYPE, b""),
    "no end": (TYPE, encoded(field("a", b"1"))[:-10]),
    "ends in the header": (TYPE, b"--" + BOUNDARY.encode() + b"\r\nContent-Dispo"),
    "no boundary": ("multipart/form-data", encoded(field("a", b"1"))),
    "another boundary": ("multipart/form-data; boundary=other", encoded(field("a", b"1"))),
    "odd boundary": ('multipart/form-data; boundary="a\tb"', b"--a\tb--"),
    "long boundary": (f"multipart/form-data; boundary={'b' * 71}", b"--" + b"b" * 71 + b"--"),
    "no name": (TYPE, encoded((["Content-Disposition: form-data"], b"1"))),
    "no disposition": (TYPE, encoded((["Content-Type: text/plain"], b"1"))),
    "another disposition": (TYPE, encoded((['Content-Disposition: attachment; name="a"'], b"1"))),
    "header without a colon": (TYPE, encoded((["nonsense"], b"1"))),
    "not text": (TYPE, encoded(field("a", b"1")).replace(b'"a"', b'"\xff"')),
    "bare line ends": (TYPE, encoded(field("a", b"1")).replace(b"\r\n", b"\n")),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("sizes", [(), (1,) * 300], ids=["whole", "by bytes"])
async def test_a_malformed_body_is_a_client_error(name, sizes):
    content_type, body = BROKEN[name]
    with pytest.raises(BadRequest):
        await read(body, sizes, content_type)


NAMED = 'Content-Disposition: form-data; name="a"'
TOO_LARGE = {
    "parts": encoded(*[field("a", b"1")] * 101),
    "a line of the header": encoded(([NAMED, "X: " + "x" * 5_000], b"")),
    "a line without end": b"--" + BOUNDARY.encode() + b"\r\nX: " + b"x" * 100_000,
    "lines of the header": encoded(([NAMED, *["X-A: 1"] * 20], b"")),
}


@pytest.mark.parametrize("name", TOO_LARGE)
async def test_limits(name):
    with pytest.raises(TooLarge):
        await read(TOO_LARGE[name], (7,) * 2_000)


async def test_limits_reach_the_client(client):
    headers = {"Content-Type": TYPE}
    many = await client.post("/api/parts", content=TOO_LARGE["parts"], headers=headers)
    assert (many.status_code, many.json()["code"]) == (413, "too_many_parts")
    broken = await client.post("/api/parts", content=BROKEN["no end"][1], headers=headers)
    assert (broken.status_code, broken.json()["code"]) == (400, "malformed_multipart")


async def test_a_client_that_falls_silent_within_a_part(address):
    body = encoded(file("f", "a.png", b"x" * 1_000))
    lines = ["POST /api/parts HTTP/1.1", "Host: x", f"Content-Type: {TYPE}"]
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode()
    response = await answer_to(address, head + body[:500], pause=STALL * 1.5)
    assert response.startswith(b"HTTP/1.1 408")
