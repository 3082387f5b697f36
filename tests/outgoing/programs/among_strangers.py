"""Run in a network of its own, where 9.9.9.9 is this machine and ``/etc/hosts`` is made up.

Prints what each request became, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import sys
import time

from changemaker_core.outgoing import Outgoing, OutgoingError, OutgoingLimits

LIMITS = OutgoingLimits(connect=2.0, read=2.0, total=3.0)
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nSet-Cookie: a=b\r\n\r\n%s"


async def respond(reader, writer):
    """Respond with the head of the request, and the name that TLS was asked for."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            asked = writer.get_extra_info("ssl_object")
            body = head + (getattr(asked, "asked_for", "") or "").encode()
            writer.write(RESPONSE % (len(body), body))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def remember_name(connection, name, _context):
    connection.asked_for = name


async def fetch(url, **options):
    began = time.monotonic()
    trusted = ssl.create_default_context(cafile=sys.argv[1])
    async with Outgoing(limits=LIMITS, tls=trusted, **options) as client:
        try:
            first = await client.request("GET", url)
            second = await client.request("GET", url)
            return first.body.decode() + second.body.decode()
        except OutgoingError as error:
            late = " late" if time.monotonic() - began > LIMITS.total + 1.5 else ""
            return f"{type(error).__name__}: {error}{late}"


async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[2])
    context.sni_callback = remember_name
    for address in ("9.9.9.9", "127.0.0.1"):
        await asyncio.start_server(respond, address, 443, ssl=context)
        await asyncio.start_server(respond, address, 80)
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # a name server that never answers
    silent.bind(("127.0.0.1", 53))
    results = {}
    for url in sys.argv[3:]:
        results[url] = [await fetch(url), await fetch(url, public_only=True)]
    print(json.dumps(results))


asyncio.run(main())
