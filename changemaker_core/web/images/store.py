"""Storing images: in a folder of the site, under a hash of what was sent."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import json
import logging
import os
import shutil
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from changemaker_core.config.site_files import is_full, private_folder
from changemaker_core.jobs.errors import ChildFailed
from changemaker_core.jobs.running.child import Children
from changemaker_core.text import Text
from changemaker_core.web.images.errors import ImageRejected, ImagesUnavailable
from changemaker_core.web.images.paths import FILE, NAME, OWNER, WIDTHS, ImagePath

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

log = logging.getLogger(__name__)

#: The largest file that is accepted, in bytes.
MAX_BYTES: Final = 30_000_000
#: Seconds and bytes of memory for one image; the largest that is accepted needs half of either.
SECONDS: Final = 30.0
MEMORY: Final = 1536 * 1024 * 1024
#: Images that a process works on at once, and further ones that may wait.
AT_ONCE: Final = 2
WAITING: Final = 8
#: Seconds for which an image that is not in use is kept: its row may be about to be written, or be
#: in the backup that an operator is about to restore.
UNUSED_FOR: Final = 7 * 24 * 3600
#: Seconds after which what an interrupted process left behind is removed.
LEFT_OVER: Final = 3600
_PREFIX: Final = ".new-"
_PROGRAM: Final = Path(__file__).with_name("resize.py")
_REASONS: Final = {
    "too_large": Text("This picture has too many pixels. Choose a smaller one."),
    "unreadable": Text("This file cannot be read as a picture. Choose a JPEG, PNG, WebP or GIF."),
}


class Readable(Protocol):
    """Content that can be read, such as an ``Upload``."""

    async def read(self) -> bytes:
        """Return all of it."""


class Images:
    """The images of a site, each stored in several widths for the plugin that added it.

    ``site.images`` is one. An image is checked by its content, whatever its name says; turned
    upright, freed from metadata, resized, and written anew, in a process with limits. What was sent
    is not kept. SVG is refused, as it can hold scripts.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool: ThreadPoolExecutor | None = None
        self._pending = 0
        self._lock = threading.Lock()

    async def add(self, plugin: str, content: bytes | Path | Readable) -> str:
        """Store an image of a plugin; return its path, such as ``/images/petitions/…/960.jpg``.

        ``content`` may be an ``Upload``. The path is a picture for any page or preview, and what
        the template function ``image`` takes. The same content has the same path. Raises
        ``ImageRejected`` for what is no such picture, and ``ImagesUnavailable``.
        """
        with self._lock:
            if self._pending >= AT_ONCE + WAITING:
                raise ImagesUnavailable("too many images are waiting")
            self._pending += 1
            if self._pool is None:
                self._pool = ThreadPoolExecutor(AT_ONCE, "images")
        try:
            if not isinstance(content, bytes | Path):
                content = await content.read()
            work = self._pool.submit(self.add_now, plugin, content)
        except BaseException:
            self._finished(None)
            raise
        # On the thread's own future: a caller who is gone ends no work that has begun.
        work.add_done_callback(self._finished)
        return await asyncio.wrap_future(work)

    def _finished(self, _: object) -> None:
        with self._lock:
            self._pending -= 1

    def add_now(self, plugin: str, content: bytes | Path) -> str:
        """Store an image as :meth:`add` does; for jobs and other code on a thread."""
        if OWNER.fullmatch(plugin) is None:
            raise ValueError(f"{plugin!r} is not the name of a plugin")
        try:
            return self._add(private_folder(self._folder / plugin), content)
        except OSError as error:
            if is_full(error):
                raise ImagesUnavailable("the disk is full") from error
            raise

    def _add(self, folder: Path, content: bytes | Path) -> str:
        data = content if isinstance(content, bytes) else _read(content)
        if len(data) > MAX_BYTES:
            raise ImageRejected(
                Text("This file is larger than {limit} MB.", limit=MAX_BYTES // 1_000_000)
            )
        digest = hashlib.sha256(data).hexdigest()[:32]
        if (stored := _stored(folder, digest)) is not None:
            return stored
        making = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=folder))
        try:
            made = _resized(making, data)
            name = f"{digest}-{made['width']}x{made['height']}"
            _sync_folder(making)
            # Another process may have stored the same meanwhile: its folder is as good.
            with contextlib.suppress(FileExistsError):
                _rename(making, folder / name)
            _sync_folder(folder)
        finally:
            shutil.rmtree(making, ignore_errors=True)
        return f"/images/{folder.name}/{name}/{made['width']}.{made['extension']}"

    def file(self, owner: str, name: str, file: str) -> Path | None:
        """Return the file of a variant; ``None`` for any other name. It may be absent."""
        if OWNER.fullmatch(owner) and NAME.fullmatch(name) and FILE.fullmatch(file):
            return self._folder / owner / name / file
        return None

    def delete_unused(self, plugin: str, used: Collection[str], now: float | None = None) -> int:
        """Delete a plugin's images whose paths are not in ``used``, once they are a week old.

        Return how many. ``now`` is in seconds since 1970.
        """
        now = time.time() if now is None else now
        names = {parsed.name for path in used if (parsed := ImagePath.parse(path)) is not None}
        deleted = 0
        for each in _folders(self._folder / plugin):
            left_over = each.name.startswith(_PREFIX)
            age = now - each.stat().st_mtime
            if age > (LEFT_OVER if left_over else UNUSED_FOR) and each.name not in names:
                shutil.rmtree(each)
                deleted += not left_over
        return deleted

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _stored(folder: Path, digest: str) -> str | None:
    """Return the path of an image that is there already, and note that it was wanted again."""
    for each in folder.glob(f"{digest}-*"):
        fallbacks = [*each.glob("*.jpg"), *each.glob("*.png")]
        if fallbacks:
            largest = max(fallbacks, key=lambda file: int(file.stem))
            os.utime(each)
            return f"/images/{folder.name}/{each.name}/{largest.name}"
    return None


def _resized(folder: Path, data: bytes) -> dict[str, Any]:
    """Write the variants of an image into ``folder``; return what ``resize.py`` says of them."""
    source = folder / "source"
    source.write_bytes(data)
    lines: list[str] = []
    command = [sys.executable, "-I", str(_PROGRAM), str(source), str(folder), *map(str, WIDTHS)]
    try:
        Children().run(command, SECONDS, (MEMORY, 4 * MAX_BYTES), lines.append, {}, None)
        made: dict[str, Any] = json.loads(lines[-1])
    except (ChildFailed, IndexError, ValueError) as error:
        log.warning("an image could not be resized: %s", error)
        if isinstance(error, ChildFailed) and error.status is None:
            raise ImagesUnavailable("resizing took too long") from error
        raise ImageRejected(_REASONS["unreadable"]) from error  # it took too much memory
    finally:
        source.unlink()
    if "failed" in made:
        log.error("an image could not be resized: %s", made["failed"])
        raise ImagesUnavailable(made["failed"])
    if "rejected" in made:
        raise ImageRejected(_REASONS[made["rejected"]])
    return made


def _rename(source: Path, target: Path) -> None:
    """Give a folder its name. Raises ``FileExistsError`` where there is one of this name."""
    try:
        source.rename(target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise FileExistsError(target) from error
        raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _folders(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (each for each in sorted(folder.iterdir()) if each.is_dir())
