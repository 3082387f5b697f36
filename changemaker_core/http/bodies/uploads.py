"""Files in forms: a field of type ``Upload``, in memory while small, on disk beyond that."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

import msgspec
from msgspec import inspect

from changemaker_core.config.site_files import is_full
from changemaker_core.http.errors import Unavailable
from changemaker_core.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from changemaker_core.http.bodies.multipart import Part

#: Bytes of a file that stay in memory; beyond that it is on disk.
IN_MEMORY = 256 * 1024
#: How the name of a file begins that is being saved, and seconds after which nothing is written to
#: it any more.
PREFIX: Final = ".upload-"
ABANDONED_SECONDS: Final = 3600.0
#: The key of a field's ``Meta(extra=…)`` with its largest size in bytes.
MAX_BYTES = "max_bytes"


class Upload:
    """A file that came with a form: a field such as ``poster: Upload | None = None``.

    ``name`` is the file's, without folders, and may be ``""``; ``content_type`` is what the browser
    says of it, and no proof; ``size`` is in bytes. ``file`` is open for reading, at its beginning,
    until the response is sent: then it is removed. ``Annotated[Upload,
    Meta(extra={"max_bytes": 2_000_000})]`` limits its size, with an error of this field.
    """

    __slots__ = ("content_type", "file", "name", "size")

    def __init__(self, name: str, content_type: str, file: BinaryIO, size: int) -> None:
        self.name = name
        self.content_type = content_type
        self.file = file
        self.size = size

    async def read(self) -> bytes:
        """Return the whole content."""
        return self._read() if self.size <= IN_MEMORY else await asyncio.to_thread(self._read)

    async def save(self, path: Path) -> None:
        """Write the content to ``path``, which appears only when it is complete.

        What a killed process left beside it (``.upload-…``) is deleted by a later one.
        Raises ``Unavailable`` where the disk is full.
        """
        try:
            await asyncio.to_thread(self._save, path)
        except OSError as error:
            if is_full(error):
                raise no_space() from error
            raise

    def _read(self) -> bytes:
        self.file.seek(0)
        return self.file.read()

    def _save(self, path: Path) -> None:
        _delete_left(path.parent)
        self.file.seek(0)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=PREFIX, delete=False) as made:
            try:
                shutil.copyfileobj(self.file, made, IN_MEMORY)
                made.flush()
                os.fsync(made.fileno())
                Path(made.name).replace(path)
            except BaseException:
                Path(made.name).unlink(missing_ok=True)
                raise

    def close(self) -> None:
        """Remove it, in memory and on disk."""
        self.file.close()

    def __repr__(self) -> str:
        return f"Upload({self.name!r}, {self.content_type!r}, {self.size} bytes)"


@cache  # once in a process
def _delete_left(folder: Path) -> None:
    """Delete what a process that was killed while it saved has left in a folder."""
    for path in folder.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # of another process, which deletes it as well
            if time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
                path.unlink()


async def store(part: Part, folder: Path, most: int | None) -> Upload:
    """Return the file of a part. More than ``most`` bytes are counted, and not stored.

    On disk it has no name, so that nothing is left of it however the process ends. Raises
    ``Unavailable`` where the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    spool = cast("BinaryIO", tempfile.SpooledTemporaryFile(IN_MEMORY, dir=str(folder)))
    upload = Upload(part.filename or "", part.content_type, spool, 0)
    try:
        async for chunk in part.chunks():
            upload.size += len(chunk)
            if most is not None and upload.size > most:
                continue
            if upload.size > IN_MEMORY:
                await asyncio.to_thread(spool.write, chunk)
            else:
                spool.write(chunk)
        spool.seek(0)
    except BaseException as error:
        with contextlib.suppress(OSError):  # for what its buffer holds there is no room either
            spool.close()
        if isinstance(error, OSError) and is_full(error):
            raise no_space() from error
        raise
    return upload


def no_space() -> Unavailable:
    """Return what a full disk is for the visitor: a 503."""
    detail = Text("There is no space left to store files. Please try again later.")
    return Unavailable(detail, code="storage_full")


@cache
def upload_fields(struct: type[msgspec.Struct]) -> dict[str, int | None]:
    """Return the largest size of each field that is a file, or a list of files, by its name."""
    info = inspect.type_info(struct)
    fields: Iterable[inspect.Field] = getattr(info, "fields", ())
    found = {known.encode_name: _upload(known.type) for known in fields}
    return {name: extra.get(MAX_BYTES) for name, extra in found.items() if extra is not None}


def _upload(known: inspect.Type) -> dict[str, Any] | None:
    """Return the ``extra`` of an upload's type; ``None`` for every other type."""
    if isinstance(known, inspect.Metadata):
        inner = _upload(known.type)
        return None if inner is None else {**inner, **(known.extra or {})}
    if isinstance(known, inspect.UnionType):
        return next((found for each in known.types if (found := _upload(each)) is not None), None)
    if isinstance(known, inspect.ListType):
        return _upload(known.item_type)
    is_upload = isinstance(known, inspect.CustomType) and known.cls is Upload
    return {} if is_upload else None
