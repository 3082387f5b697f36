"""Asking servers that misbehave."""

from __future__ import annotations

import asyncio
import gzip
import time
from datetime import timedelta

import pytest

from changemaker_core.outgoing import (
    Breaker,
    BreakerOpen,
    Outgoing,
    OutgoingLimits,
    OutgoingSync,
    ResponseTooLarge,
    TimedOut,
    Unreachable,
    WrongContentType,
)

LIMITS = OutgoingLimits(connect=0.5, read=0.4, total=0.8, max_bytes=10_000)
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"


async def good(writer):
    writer.write(JSON + b"Content-Length: 2\r\n\r\n{}")


async def html(writer):
    page = b"Content-Type: text/html\r\nContent-Length: 3\r\n\r\n<p>"
    writer.write(b"HTTP/1.1 404 Not Found\r\n" + page)


async def redirect(writer):
    where = b"Location: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    writer.write(b"HTTP/1.1 302 Found\r\n" + where)


async def half(writer):
    writer.write(JSON + b"Content-Length: 1000\r\n\r\n{")


async def hang(writer):
    await asyncio.sleep(3)


async def trickle(writer):
    writer.write(JSON + b"Content-Length: 1000\r\n\r\n")
    for _ in range(30):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.1)


async def drip(writer):
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(30):
        writer.write(b"X-%d: y\r\n" % number)
        await writer.drain()
        await asyncio.sleep(0.1)


async def huge(writer):
    writer.write(JSON + b"\r\n" + b" " * 1_000_000)


async def packed(writer):
    bomb = gzip.compress(b" " * 9_000_000)
    size = b"Content-Length: %d\r\n" % len(bomb)
    writer.write(JSON + b"Content-Encoding: gzip\r\n" + size + b"\r\n" + bomb)


async def garbage(writer):
    writer.write(b"\x00\x01 not HTTP\r\n\r\n")


@pytest.fixture
def serve():
    """``async with serve(behaviour) as url``: a server that responds in one way to everything."""

    class Serving:
        def __init__(self, behave):
            self.behave = behave

        async def __aenter__(self):
            self.server = await asyncio.start_server(self.answer, "127.0.0.1", 0)
            return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

        async def answer(self, reader, writer):
            try:
                await reader.readuntil(b"\r\n\r\n")
                await self.behave(writer)
                await writer.drain()
            except (ConnectionError, asyncio.IncompleteReadError):
                return
            finally:
                writer.close()

        async def __aexit__(self, *_):
            self.server.close()

    return Serving


@pytest.fixture(params=["async", "sync"])
def ask(request):
    """``await ask(url)`` through either client."""

    async def with_async(url):
        async with Outgoing(url, limits=LIMITS) as client:
            return await client.request("GET", "/", params={"q": "a"})

    def with_sync(url):
        with OutgoingSync(url, limits=LIMITS) as client:
            return client.request("GET", "/", params={"q": "a"})

    async def in_thread(url):
        return await asyncio.to_thread(with_sync, url)

    return with_async if request.param == "async" else in_thread


async def test_a_good_response(serve, ask):
    async with serve(good) as url:
        fetched = await ask(url)
    assert fetched.status == 200 and fetched.expect("application/json") == b"{}"


async def test_another_content_type_is_an_error(serve, ask):
    async with serve(html) as url:
        fetched = await ask(url)
    assert fetched.status == 404
    with pytest.raises(WrongContentType, match="text/html"):
        fetched.expect("application/json")


async def test_redirects_are_not_followed(serve, ask):
    async with serve(redirect) as url:
        assert (await ask(url)).status == 302


@pytest.mark.parametrize(
    ("behave", "error"),
    [
        (half, Unreachable),
        (garbage, Unreachable),
        (hang, TimedOut),
        (trickle, TimedOut),
        (drip, TimedOut),
        (huge, ResponseTooLarge),
        (packed, WrongContentType),
    ],
)
async def test_what_is_no_use_is_an_error_in_time(serve, ask, behave, error):
    began = time.monotonic()
    async with serve(behave) as url:
        with pytest.raises(error):
            await ask(url)
    assert time.monotonic() - began < 1.8


async def test_an_unreachable_server(ask):
    with pytest.raises(Unreachable):
        await ask("http://127.0.0.1:1")


def test_threads_share_a_client(serve):
    """One client, many threads, and a close that can be repeated."""

    async def ask_often():
        async with serve(good) as url:
            client = OutgoingSync(url, limits=LIMITS)
            tasks = [asyncio.to_thread(client.request, "GET", "/") for _ in range(20)]
            statuses = [response.status for response in await asyncio.gather(*tasks)]
            await asyncio.to_thread(client.close)
            await asyncio.to_thread(client.close)
            return statuses

    assert asyncio.run(ask_often()) == [200] * 20


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_a_breaker_opens_after_failures_in_a_row():
    clock = Clock()
    breaker = Breaker("service", failures=2, pause=timedelta(seconds=15), clock=clock)
    breaker.record_failure()
    breaker.record_success()
    breaker.record_failure()
    breaker.check()
    breaker.record_failure()
    with pytest.raises(BreakerOpen, match="service failed a moment ago") as caught:
        breaker.check()
    assert caught.value.retry_after == timedelta(seconds=15)
    clock.now += 15
    breaker.check()


def test_a_breaker_waits_as_long_as_the_service_says_within_reason():
    clock = Clock()
    breaker = Breaker("service", max_pause=timedelta(minutes=1), clock=clock)
    breaker.record_failure(timedelta(days=1))
    with pytest.raises(BreakerOpen) as caught:
        breaker.check()
    assert caught.value.retry_after == timedelta(minutes=1)
