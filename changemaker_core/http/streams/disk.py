"""Reading files without holding the event loop: at once what is in memory, the rest on a thread."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

#: Linux alone can say whether a read would wait for the disk.
_NO_WAIT: int | None = getattr(os, "RWF_NOWAIT", None)
#: What a file system says that cannot tell, or a kernel.
_CANNOT_TELL = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})


async def open_file(path: Path) -> tuple[BinaryIO, os.stat_result]:
    """Return an open regular file and its state; raises ``OSError``.

    It is opened once, and all that follows is about that file, whatever happens to its name. A link
    in the place of the file is refused, and so is what is no file, such as a pipe or a folder.
    """
    return await asyncio.to_thread(_open, path)


def _open(path: Path) -> tuple[BinaryIO, os.stat_result]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    file = open(descriptor, "rb", buffering=0)
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        file.close()
        raise FileNotFoundError(errno.ENOENT, "not a regular file", str(path))
    return file, state


async def read(descriptor: int, offset: int, count: int) -> bytes:
    """Return up to ``count`` bytes of a file, fewer only where it has no more in memory now."""
    found = _in_memory(descriptor, offset, count)
    if found:
        return found
    return await asyncio.to_thread(os.pread, descriptor, count, offset)


async def load(descriptor: int, offset: int, count: int) -> None:
    """Make sure that a part of a file is in memory, so that ``sendfile`` does not wait."""
    last = offset + count - 1
    if not (_in_memory(descriptor, offset, 1) and _in_memory(descriptor, last, 1)):
        await asyncio.to_thread(os.pread, descriptor, count, offset)


def _in_memory(descriptor: int, offset: int, count: int) -> bytes:
    """Return what can be read without waiting; empty where nothing can."""
    if _NO_WAIT is None:
        return b""
    buffer = bytearray(count)
    try:
        length = os.preadv(descriptor, [buffer], offset, _NO_WAIT)
    except BlockingIOError:
        return b""
    except OSError as error:
        if error.errno in _CANNOT_TELL:
            return b""
        raise
    return bytes(memoryview(buffer)[:length])
