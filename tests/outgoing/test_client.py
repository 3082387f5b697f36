"""Asking servers that misbehave."""

from __future__ import annotations

import asyncio
import gzip
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial

import pytest
from httpx import Headers

from changemaker_core.identity.origin import Origin, current_origin
from changemaker_core.outgoing import (
    AllowedServers,
    Breaker,
    BreakerOpen,
    InvalidURL,
    NotPublic,
    Outgoing,
    OutgoingError,
    OutgoingLimits,
    OutgoingResponse,
    OutgoingSync,
    ResponseTooLarge,
    TimedOut,
    Unreachable,
    WrongContentType,
)

LIMITS = OutgoingLimits(connect=1.0, read=1.0, total=2.0, max_bytes=10_000)
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


async def busy(writer):
    writer.write(b"HTTP/1.1 503 Busy\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n")


async def broken(writer):
    writer.write(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n")


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
    assert time.monotonic() - began < LIMITS.total + 20  # it does not hang


async def test_an_unreachable_server(ask):
    with pytest.raises(Unreachable):
        await ask("http://127.0.0.1:1")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "http://",
        "example.org",
        "/path",
        "http://[::1/",
        "https://xn--i-7iq.ws/",  # punycode of what no host is called
        "https://xn--/",
        "https://\udcff.example/",
    ],
)
async def test_a_url_without_a_server_is_an_error_of_ours(url):
    async with Outgoing() as client:
        for ask in (client.check, partial(client.request, "GET")):
            with pytest.raises(InvalidURL):
                await ask(url)


async def test_a_request_has_its_own_limits(serve):
    async with serve(huge) as url, Outgoing(url, limits=LIMITS) as client:
        wide = OutgoingLimits(max_bytes=2_000_000)
        assert len((await client.request("GET", "/", limits=wide)).body) == 1_000_000
        with pytest.raises(ResponseTooLarge):
            await client.request("GET", "/")


class Cause:
    """A request that is being responded to."""

    origin = Origin("request", id="an-id", request_id="an-id")


@pytest.mark.parametrize(("public_only", "sent"), [(False, True), (True, False)])
async def test_the_request_id_goes_along_but_not_to_strangers(public_only, sent):
    heads = []

    async def keep(reader, writer):
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
        await good(writer)
        writer.close()

    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    token = current_origin.set(Cause())
    async with (
        server,
        Outgoing(
            url, limits=LIMITS, public_only=public_only, allowed=AllowedServers(["127.0.0.1"])
        ) as client,
    ):
        await client.request("GET", "/")
    current_origin.reset(token)
    assert ("x-request-id: an-id\r\n" in heads[0]) is sent
    assert ("x-request-id" in heads[0]) is sent


def test_public_only_holds_in_threads_too():
    with (
        OutgoingSync("http://127.0.0.1:1", limits=LIMITS, public_only=True) as client,
        pytest.raises(NotPublic, match=r"127\.0\.0\.1"),
    ):
        client.request("GET", "/")


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [("30", 30), ("0", 0), ("soon", None), ("", None), ("-1", None), ("9" * 12, None)],
)
def test_retry_after_in_seconds(sent, seconds):
    waiting = OutgoingResponse(503, Headers({"retry-after": sent}), b"").retry_after
    assert waiting == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "sent",
    [
        "Sun, 06 Nov 1994 08:49:37 +99999999999999999999",
        "Sun, 06 Nov 99999999999 08:49:37 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2359",
    ],
)
def test_retry_after_beyond_all_bounds_is_ignored(sent):
    assert OutgoingResponse(503, Headers({"retry-after": sent}), b"").retry_after is None


def test_retry_after_as_a_date():
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    waiting = OutgoingResponse(503, Headers({"retry-after": later}), b"").retry_after
    assert timedelta(seconds=80) < waiting <= timedelta(seconds=90)


async def fails(client):
    """Whether a request fails at once, since the breaker is open."""
    try:
        await client.request("GET", "/")
    except BreakerOpen:
        return True
    except OutgoingError:
        return False
    return False


@pytest.mark.parametrize("behave", [broken, half, hang, garbage])
async def test_a_service_that_fails_opens_its_clients_breaker(serve, behave):
    breaker = Breaker("service", failures=2)
    async with serve(behave) as url, Outgoing(url, limits=LIMITS, breaker=breaker) as client:
        assert [await fails(client) for _ in range(3)] == [False, False, True]


async def test_retry_after_opens_it_at_once(serve):
    breaker = Breaker("service", clock=Clock())
    async with serve(busy) as url, Outgoing(url, breaker=breaker) as client:
        await client.request("GET", "/")
        with pytest.raises(BreakerOpen) as caught:
            await client.request("GET", "/")
    assert caught.value.retry_after == timedelta(seconds=30)


@pytest.mark.parametrize("behave", [good, html, packed, huge, redirect])
async def test_content_never_opens_it(serve, behave):
    breaker = Breaker("service", failures=1)
    async with serve(behave) as url, Outgoing(url, limits=LIMITS, breaker=breaker) as client:
        assert [await fails(client) for _ in range(3)] == [False, False, False]


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


def test_after_a_pause_one_request_is_a_trial():
    clock = Clock()
    breaker = Breaker("service", failures=1, clock=clock)
    breaker.record_failure()
    breaker.record_success()  # of a request that had begun before
    clock.now += 15
    breaker.begin()
    with pytest.raises(BreakerOpen):
        breaker.begin()
    breaker.record_success()
    breaker.begin()
    breaker.begin()


def test_a_trial_that_is_never_settled_is_followed_by_another():
    clock = Clock()
    breaker = Breaker("service", failures=1, clock=clock)
    breaker.record_failure()
    for _ in range(2):
        clock.now += 15
        breaker.begin()


def test_a_breaker_waits_as_long_as_the_service_says_within_reason():
    clock = Clock()
    breaker = Breaker("service", max_pause=timedelta(minutes=1), clock=clock)
    breaker.record_failure(timedelta(days=1))
    with pytest.raises(BreakerOpen) as caught:
        breaker.check()
    assert caught.value.retry_after == timedelta(minutes=1)
