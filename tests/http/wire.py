"""A server on a real socket, in the loop of a test, and clients that send raw bytes."""

from __future__ import annotations

import asyncio
import contextlib

import uvicorn


@contextlib.asynccontextmanager
async def serving(app, protocol):
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        lifespan="off",
        log_config=None,
        proxy_headers=False,
        http=protocol,
        ws="none",
    )
    server = uvicorn.Server(config)
    with contextlib.ExitStack() as kept:
        # The server's own handlers of signals are for a process, not for a test.
        server.capture_signals = lambda: kept
        running = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()
        server.should_exit = True
        await running


async def answer_to(address, *chunks, pause=0.0):
    """Send raw bytes, a chunk at a time; everything that came back until the server closed."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        for chunk in chunks:
            writer.write(chunk)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
            await asyncio.sleep(pause)
        return await asyncio.wait_for(reader.read(), 60)
    except ConnectionError:
        return b"closed"
    finally:
        writer.close()
