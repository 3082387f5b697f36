"""Servers of the operator's own network, and names whose address changes after the check."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from functools import partial

import pytest

from changemaker_core.outgoing import (
    AllowedServers,
    InvalidURL,
    NotPublic,
    Outgoing,
    OutgoingLimits,
    OutgoingSync,
    TimedOut,
    Unreachable,
    addresses,
)

ENTRIES = ("crm.lan", "Hooks.Example.org.", "10.20.0.0/24", "192.168.7.7", "fd00:7::/64", "[::1]")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("crm.lan", "10.1.1.1"),
        ("CRM.lan.", "127.0.0.1"),
        ("hooks.example.org", "192.168.1.1"),
        ("any.example", "10.20.0.9"),
        ("any.example", "::ffff:10.20.0.9"),
        ("192.168.7.7", "192.168.7.7"),
        ("any.example", "fd00:7::1"),
        ("::1", "::1"),
        ("any.example", "9.9.9.9"),
    ],
)
def test_what_is_let_through(host, address):
    assert AllowedServers(ENTRIES).forbidden(host, [address]) is None


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("crm.lan.example.org", "10.1.1.1"),
        ("sub.crm.lan", "10.1.1.1"),
        ("any.example", "10.20.1.9"),
        ("any.example", "192.168.7.8"),
        ("any.example", "::ffff:10.20.1.9"),
        ("any.example", "2002:0a14:0009::1"),  # 10.20.0.9 through 6to4
        ("any.example", "fd00:8::1"),
        ("any.example", "127.0.0.1"),
    ],
)
def test_what_is_not(host, address):
    assert AllowedServers(ENTRIES).forbidden(host, ["10.20.0.1", address]) == address


@pytest.mark.parametrize(
    "entry",
    [
        "http://crm.lan",
        "crm.lan:8443",
        "10.0.0.1/8",
        "*.lan",
        "",
        "a b",
        "10.0.0.0/33",
        "crm..lan",
        f"{'a' * 40}!",  # with nested repetitions the match takes hours
    ],
)
def test_an_entry_that_is_none_of_these_is_refused(entry):
    with pytest.raises(ValueError, match=r".+"):
        AllowedServers([entry])


@contextlib.asynccontextmanager
async def serving(body=b"here", head=b""):
    async def respond(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(body) + head + b"\r\n")
        writer.write(body)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_an_allowed_address_is_reached_and_another_is_not():
    async with (
        serving() as port,
        Outgoing(public_only=True, allowed=AllowedServers(["127.0.0.1"])) as allowing,
        Outgoing(public_only=True) as strict,
    ):
        url = f"http://127.0.0.1:{port}/"
        await allowing.check(url)
        assert (await allowing.request("GET", url)).body == b"here"
        for ask in (strict.check, partial(strict.request, "GET")):
            with pytest.raises(NotPublic, match=r"127\.0\.0\.1, which is not public"):
                await ask(url)


async def test_a_name_that_changes_its_address_after_the_check_is_refused(monkeypatch):
    """DNS rebinding: public when the URL is stored and again first, then this machine."""
    found = [["9.9.9.9"], ["9.9.9.9", "127.0.0.1"], ["127.0.0.1"], ["::ffff:127.0.0.1"]]
    monkeypatch.setattr(addresses, "_addresses", lambda *_: found.pop(0))
    async with serving() as port, Outgoing(public_only=True) as client:
        await client.check(f"http://rebinds.example:{port}/")
        for _ in range(3):
            with pytest.raises(NotPublic, match=r"rebinds\.example has the address"):
                await client.request("POST", f"http://rebinds.example:{port}/", content=b"x")
    assert not found


async def test_a_name_is_looked_up_once_for_each_connection(monkeypatch):
    """Between the check and the dial nothing is looked up again."""
    looked_up = []

    def look_up(host, port):
        looked_up.append(host)
        return ["127.0.0.1"]

    monkeypatch.setattr(addresses, "_addresses", look_up)
    here = AllowedServers(["127.0.0.1"])
    async with serving() as port, Outgoing(public_only=True, allowed=here) as client:
        response = await client.request("GET", f"http://once.example:{port}/")
    assert response.body == b"here" and looked_up == ["once.example"]


@pytest.mark.parametrize(
    "url", ["ftp://a.example/", "/path", "", "http://", "http://a:b/", "data:,x"]
)
def test_what_is_no_url_of_a_server_is_refused(url):
    with OutgoingSync(public_only=True) as client, pytest.raises(InvalidURL):
        client.check(url)


def test_the_check_tells_a_missing_name_from_a_silent_name_server(monkeypatch):
    import threading

    release = threading.Event()

    def look_up(host, port):
        if host == "silent.example":
            release.wait(30)
        raise OSError("no such name")

    monkeypatch.setattr(addresses, "_addresses", look_up)
    with OutgoingSync(limits=OutgoingLimits(connect=0.1)) as client:
        with pytest.raises(Unreachable, match="no such name"):
            client.check("https://missing.example/")
        with pytest.raises(TimedOut, match=r"silent\.example"):
            client.check("https://silent.example/")
    release.set()


@pytest.mark.parametrize(
    ("body", "head", "kept"),
    [
        (b"x" * 500_000, b"", b"x" * 10),
        (b"x" * 11, b"", b"x" * 10),
        (b"x" * 10, b"", b"x" * 10),
        (gzip.compress(b"x", mtime=0), b"Content-Encoding: gzip\r\n", b""),
    ],
)
async def test_a_body_can_be_cut_where_the_status_counts(body, head, kept):
    limits = OutgoingLimits(max_bytes=10, cut_body=True)
    async with serving(body, head) as port, Outgoing(limits=limits) as client:
        response = await client.request("GET", f"http://127.0.0.1:{port}/")
    assert response.status == 200 and response.body == kept
