"""Large bodies hold up nobody: they are decoded on a thread, few of each visitor and of all."""

from __future__ import annotations

import asyncio
import threading

import pytest

from changemaker_core import Body, Form, Plugin, Route, endpoint, hookimpl
from changemaker_core.http.bodies import decoding, large
from changemaker_core.testing import client_of

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
BODIES = {
    "form": ("/api/form", b"text=" + b"%41" * large.SMALL, FORM),
    "json": ("/api/json", b'{"text":"' + b"a" * large.SMALL + b'"}', JSON),
}
SMALL = {"form": b"text=a", "json": b'{"text":"a"}'}


class Note(Body):
    text: str


class Notes(Plugin):
    name = "notes"

    @hookimpl
    def cm_register_routes(self, site):
        return [Route("/api/json", ByProgram()), Route("/api/form", ByPage())]


class ByProgram:
    @endpoint(public=True, body=Note)
    async def on_post(self, req, resp, *, body: Note):
        return {"length": len(body.text)}


class ByPage:
    @endpoint(public=True, form=Note)
    async def on_post(self, req, resp, *, form: Form[Note]):
        return {"length": len(form.value.text)}


@pytest.fixture
async def client(open_app):
    proxies = ("127.0.0.1/32",)
    async with open_app(Notes, trusted_proxies=proxies) as app, client_of(app) as client:
        yield client


@pytest.fixture
def decoding_waits(monkeypatch):
    """Large bodies are being decoded until it is set."""
    go_on = threading.Event()
    decode = {name: getattr(decoding, name) for name in ("_body", "_urlencoded")}

    def slow(name):
        def waiting(struct, raw, *rest):
            if len(raw) > large.SMALL:
                go_on.wait()
            return decode[name](struct, raw, *rest)

        return waiting

    for name in decode:
        monkeypatch.setattr(decoding, name, slow(name))
    yield go_on
    go_on.set()


async def send(client, way, content, number=1):
    path, _, headers = BODIES[way]
    address = {"X-Forwarded-For": f"203.0.113.{number}"}
    return await client.post(path, content=content, headers={**headers, **address})


async def taken(places):
    while large._taken.total() < places:
        await asyncio.sleep(0.01)


@pytest.mark.database("sqlite")
@pytest.mark.parametrize("way", ["form", "json"])
async def test_others_are_served_while_a_large_body_is_decoded(client, decoding_waits, way):
    """(!) And a visitor, or many of them, do not fill the thread."""
    body = BODIES[way][1]
    waiting = [asyncio.create_task(send(client, way, body)) for _ in range(large.SHARE)]
    await taken(large.SHARE)
    assert (await send(client, way, SMALL[way])).json() == {"length": 1}
    refused = await send(client, way, body)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "2")
    more = range(2, 2 + large.PLACES - large.SHARE)
    waiting += [asyncio.create_task(send(client, way, body, number)) for number in more]
    await taken(large.PLACES)
    busy = await send(client, way, body, 99)
    assert (busy.status_code, busy.headers["Retry-After"]) == (503, "2")
    assert busy.json()["code"] == "busy"
    assert (await send(client, way, SMALL[way], 99)).status_code == 200
    decoding_waits.set()
    assert {(await each).json()["length"] for each in waiting} == {large.SMALL}
    assert not large._taken
