"""Sending a part of a file by ``sendfile(2)``: the kernel copies, and we only wait for it."""

from __future__ import annotations

import asyncio
import errno
import os
from typing import TYPE_CHECKING, Final

from changemaker_core.http.errors import ClientGone
from changemaker_core.http.streams import disk

if TYPE_CHECKING:
    from collections.abc import Callable

#: Bytes that are sent before other requests have a turn.
PIECE = 1024 * 1024
#: Bytes that are read and written at once where there is no ``sendfile``.
READ: Final = 128 * 1024
WITHOUT_SENDFILE: Final = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)
#: Seconds after which a client that reads nothing is given up.
READ_SECONDS = 30.0


def is_possible(transport: asyncio.Transport) -> bool:
    """Whether the kernel can write to the connection: it is not encrypted by us."""
    return hasattr(os, "sendfile") and transport.get_extra_info("sslcontext") is None


async def send_file(
    transport: asyncio.Transport,
    descriptor: int,
    offset: int,
    count: int,
    is_gone: Callable[[], bool],
) -> None:
    """Send ``count`` bytes of an open file, from ``offset`` on, behind what was written before.

    Raises ``ClientGone`` where the client goes away or stops reading, ``OSError`` where the file
    has become shorter.
    """
    # NOTE(dup): uvloop lets nobody wait for a descriptor of its own; for a copy it does.
    connection = os.dup(transport.get_extra_info("socket").fileno())
    try:
        await _flush(transport, connection, is_gone)
        end, loaded = offset + count, offset
        while offset < end:
            if is_gone():
                raise ClientGone
            if offset >= loaded:
                loaded = min(offset + PIECE, end)
                await disk.load(descriptor, offset, loaded - offset)
            try:
                sent = _copy(connection, descriptor, offset, loaded - offset)
            except BlockingIOError:
                await _writable(connection)
                continue
            if sent == 0:
                raise OSError("a file became shorter while it was sent")
            offset += sent
            await asyncio.sleep(0)
    except TimeoutError:
        transport.abort()
        raise ClientGone from None
    except (BrokenPipeError, ConnectionResetError):
        raise ClientGone from None
    finally:
        os.close(connection)


def _copy(connection: int, descriptor: int, offset: int, count: int) -> int:
    """Write a part of the file to the connection, and return how many bytes it took.

    Some file systems (FUSE, some shares) and sandboxes have no ``sendfile``.
    """
    try:
        return os.sendfile(connection, descriptor, offset, count)
    except OSError as error:
        if error.errno not in WITHOUT_SENDFILE:
            raise
    return os.write(connection, os.pread(descriptor, min(count, READ), offset))


async def _flush(
    transport: asyncio.Transport, connection: int, is_gone: Callable[[], bool]
) -> None:
    """Wait until the transport has passed all that it holds to the kernel."""
    await asyncio.sleep(0)
    while transport.get_write_buffer_size():
        if is_gone():
            raise ClientGone
        await _writable(connection)
        await asyncio.sleep(0)


async def _writable(connection: int) -> None:
    """Wait until the client has read something; raises ``TimeoutError``."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_writer(connection, ready.set)
    try:
        async with asyncio.timeout(READ_SECONDS):
            await ready.wait()
    finally:
        loop.remove_writer(connection)
