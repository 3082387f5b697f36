"""``SendFile``: a file, bytes or an iterator as a response, with ranges and conditions."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import unicodedata
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from changemaker_core.http.bodies.multipart import clean_filename
from changemaker_core.http.errors import NotFound, Problem
from changemaker_core.http.streams import disk
from changemaker_core.http.streams.ranges import (
    ByteRange,
    condition,
    range_applies,
    ranges_of,
)
from changemaker_core.http.streams.streamed import Streamed, close
from changemaker_core.text import Text

if TYPE_CHECKING:
    import os
    from typing import BinaryIO

    from changemaker_core.http.request import Request
    from changemaker_core.http.streams.streamed import Header, Outlet

log = logging.getLogger(__name__)

#: Bytes that are read, and sent, at once.
PIECE = 256 * 1024
#: Bytes of an iterator's values that are collected before they are sent.
BATCH = 64 * 1024
#: The internal location of nginx that ``changemaker deploy nginx`` writes for ``nginx_files``.
ACCEL_LOCATION = "/.changemaker-files/"
#: A file may come from a visitor: opened as a page it runs no script and sends no form.
FILE_POLICY = (
    "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline';"
    " form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"')
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(?:\s*;[\x20-\x7e]*)?", re.ASCII)

#: Headers that follow from the content.
_OF_CONTENT = frozenset({b"content-type", b"content-length"})

Chunks = Iterable[bytes] | AsyncIterable[bytes]


class SendFile(Streamed):
    """A file as a response: return it from a responder.

    ``content`` is the ``Path`` of a regular file, bytes, or an iterator of bytes, async or not, for
    what is made while it is sent. Files and bytes support ranges (``Range``, ``If-Range``); all
    support conditions, where there is an ``etag`` or ``modified``: a file has both by
    itself. ``download`` is the name under which browsers save it; without it they show it.

    A path that is no regular file is a 404. Name stored files yourself, and never by what a visitor
    sent: ``..`` in a path is not found out here.
    """

    __slots__ = ("content", "content_type", "download", "etag", "modified")

    def __init__(
        self,
        content: Path | bytes | Chunks,
        content_type: str,
        *,
        etag: str | None = None,
        modified: datetime | None = None,
        download: str | None = None,
    ) -> None:
        if isinstance(content, str):
            raise TypeError("SendFile takes a Path, bytes or an iterator of bytes, not text")
        if not _MEDIA_TYPE.fullmatch(content_type):
            raise ValueError(f"{content_type!r} is not a media type such as image/png")
        if etag is not None and not etag.startswith(('"', "W/")):
            etag = f'"{etag}"'
        if etag is not None and not _ETAG.fullmatch(etag):
            raise ValueError(f"{etag!r} is not an ETag: use visible ASCII without quotes")
        if modified is not None and modified.tzinfo is None:
            raise ValueError("modified is an aware datetime")
        self.content = content
        self.content_type = content_type
        self.etag = etag
        self.modified = modified
        self.download = download

    async def send(self, req: Request, headers: list[Header], outlet: Outlet) -> None:
        """Send the response to ``req``."""
        headers = self._headers(headers)
        if isinstance(self.content, Path):
            await self._send_path(self.content, req, headers, outlet)
        elif isinstance(self.content, bytes | bytearray | memoryview):
            memory = _Memory(bytes(self.content))
            await _Reply(req, headers, outlet, self.etag, self.modified).send(memory)
        else:
            await self._send_chunks(self.content, req, headers, outlet)

    def _headers(self, of_responder: list[Header]) -> list[Header]:
        """Return the responder's headers, with those of the file, and defaults that it lacks."""
        kind = (b"content-type", self.content_type.encode())
        defaults = [
            (b"cache-control", b"private, no-cache"),
            (b"content-security-policy", FILE_POLICY.encode()),
        ]
        if self.download is not None:
            defaults.append((b"content-disposition", content_disposition(self.download)))
        kept = [each for each in of_responder if each[0] not in _OF_CONTENT]
        present = dict(kept)
        return [kind, *kept, *(each for each in defaults if each[0] not in present)]

    async def _send_path(
        self, path: Path, req: Request, headers: list[Header], outlet: Outlet
    ) -> None:
        try:
            file, state = await disk.open_file(path)
        except OSError as error:
            log.warning("a file cannot be sent: %s", error, extra={"request_id": req.request_id})
            raise NotFound from None
        with file:
            if (inner := _accelerated(req, path)) is not None:
                await outlet.start(200, [*headers, (b"x-accel-redirect", inner)])
                await outlet.end()
                return
            etag = self.etag or f'"{state.st_mtime_ns:x}-{state.st_size:x}"'
            modified = self.modified or datetime.fromtimestamp(int(state.st_mtime), UTC)
            reply = _Reply(req, headers, outlet, etag, modified)
            await reply.send(_Disk(file, state, path))

    async def _send_chunks(
        self, content: Chunks, req: Request, headers: list[Header], outlet: Outlet
    ) -> None:
        chunks = _from_thread(iter(content)) if isinstance(content, Iterable) else aiter(content)
        try:
            reply = _Reply(req, headers, outlet, self.etag, self.modified)
            await reply.send_chunks(chunks)
        finally:
            # What makes them is ended too where the client has gone, or wants the head alone.
            for each in (chunks, content):
                await close(each)


class _Reply:
    """The response to one request for something with an ETag and a time of its last change."""

    def __init__(
        self,
        req: Request,
        headers: list[Header],
        outlet: Outlet,
        etag: str | None,
        modified: datetime | None,
    ) -> None:
        self._req = req
        self._outlet = outlet
        self._etag = etag
        self._modified = None if modified is None else modified.replace(microsecond=0)
        if etag is not None:
            headers = [*headers, (b"etag", etag.encode())]
        if self._modified is not None:
            date = format_datetime(self._modified.astimezone(UTC), usegmt=True)
            headers = [*headers, (b"last-modified", date.encode())]
        self._headers = headers

    async def send(self, source: _Source) -> None:
        """Send all of ``source``, or the ranges that the request asks for."""
        if await self._is_settled():
            return
        self._headers = [*self._headers, (b"accept-ranges", b"bytes")]
        found = self._ranges(source.size)
        if found == []:
            raise _not_satisfiable(source.size)
        if found is None:
            whole = [ByteRange(0, source.size - 1)] if source.size else []
            await self._send(200, source, [], whole)
        elif len(found) == 1:
            about = (b"content-range", _content_range(found[0], source.size))
            await self._send(206, source, [about], found)
        else:
            await self._send_several(source, found)

    async def send_chunks(self, chunks: AsyncIterator[bytes]) -> None:
        """Send what has no known length."""
        if await self._is_settled():
            return
        if self._outlet.method == "HEAD":
            await self._empty(200)
            return
        # What fails before the first bytes is an error response, not a broken one.
        first = await anext(chunks, b"")
        await self._outlet.start(200, self._headers)
        await self._outlet.write(first)
        async for chunk in chunks:
            await self._outlet.write(chunk)
        await self._outlet.end()

    async def _is_settled(self) -> bool:
        """Whether the request's conditions have decided the response."""
        reads = self._req.method in ("GET", "HEAD")
        outcome = condition(self._header, self._etag, self._modified, reads=reads)
        if outcome == "failed":
            raise Problem(412, "precondition_failed", Text("This has changed since you loaded it."))
        if outcome == "not modified":
            self._headers = [each for each in self._headers if each[0] != b"content-type"]
            await self._empty(304)
            return True
        return False

    def _header(self, name: str) -> str | None:
        lines = self._req.header_lines(name)
        return ",".join(lines) if lines else None

    def _ranges(self, size: int) -> list[ByteRange] | None:
        wanted = self._header("range")
        if wanted is None or self._outlet.method != "GET":
            return None
        now = datetime.now(UTC)
        if not range_applies(self._header("if-range"), self._etag, self._modified, now):
            return None
        return ranges_of(wanted, size)

    async def _send(
        self, status: int, source: _Source, about: list[Header], ranges: list[ByteRange]
    ) -> None:
        length = sum(each.length for each in ranges)
        headers = [*self._headers, *about, (b"content-length", b"%d" % length)]
        await self._outlet.start(status, headers)
        if self._outlet.method != "HEAD":
            for each in ranges:
                await source.send(each, self._outlet)
        await self._outlet.end()

    async def _send_several(self, source: _Source, ranges: list[ByteRange]) -> None:
        boundary = secrets.token_hex(16).encode()
        kind = dict(self._headers)[b"content-type"]
        heads = [
            b"\r\n--%s\r\ncontent-type: %s\r\ncontent-range: %s\r\n\r\n"
            % (boundary, kind, _content_range(each, source.size))
            for each in ranges
        ]
        end = b"\r\n--%s--\r\n" % boundary
        length = len(end) + sum(map(len, heads)) + sum(each.length for each in ranges)
        others = [each for each in self._headers if each[0] != b"content-type"]
        kind = b"multipart/byteranges; boundary=%s" % boundary
        own = [(b"content-type", kind), (b"content-length", b"%d" % length)]
        await self._outlet.start(206, [*others, *own])
        for head, each in zip(heads, ranges, strict=True):
            await self._outlet.write(head)
            await source.send(each, self._outlet)
        await self._outlet.write(end)
        await self._outlet.end()

    async def _empty(self, status: int) -> None:
        await self._outlet.start(status, self._headers)
        await self._outlet.end()


class _Source(Protocol):
    """Something whose length is known, and of which any part can be sent."""

    size: int

    async def send(self, part: ByteRange, outlet: Outlet) -> None:
        """Send one part."""


class _Memory:
    """Bytes."""

    def __init__(self, content: bytes) -> None:
        self.size = len(content)
        self._content = content

    async def send(self, part: ByteRange, outlet: Outlet) -> None:
        for first in range(part.first, part.last + 1, PIECE):
            await outlet.write(self._content[first : min(first + PIECE, part.last + 1)])


class _Disk:
    """An open file, as long as it was when it was opened."""

    def __init__(self, file: BinaryIO, state: os.stat_result, path: Path) -> None:
        self.size = state.st_size
        self._descriptor = file.fileno()
        self._path = path

    async def send(self, part: ByteRange, outlet: Outlet) -> None:
        if outlet.sends_files:
            await outlet.write_file(self._descriptor, part.first, part.length)
            return
        offset = part.first
        while offset <= part.last:
            piece = await disk.read(self._descriptor, offset, min(PIECE, part.last + 1 - offset))
            if not piece:
                raise OSError(f"{self._path} became shorter while it was sent")
            await outlet.write(piece)
            offset += len(piece)


async def _from_thread(values: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield what an iterator makes on a thread, where it may wait for a database or a disk."""

    def batch() -> bytes:
        collected = bytearray()
        for value in values:
            collected += value
            if len(collected) >= BATCH:
                break
        return bytes(collected)

    while chunk := await asyncio.to_thread(batch):
        yield chunk


def content_disposition(name: str) -> bytes:
    r"""Return the header for a download called ``name`` (RFC 6266), harmless for any name.

    >>> content_disposition("été.csv")
    b'attachment; filename="ete.csv"; filename*=UTF-8\'\'%C3%A9t%C3%A9.csv'
    >>> content_disposition('a"\r\n\\b.txt')
    b'attachment; filename="b.txt"'
    """
    clean = clean_filename(name) or "download"
    plain = unicodedata.normalize("NFKD", clean).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9 ._()+,=@~!#$&'-]", "_", plain).strip()
    if not plain.strip("._"):
        plain = "download"
    elif plain.startswith("."):
        plain = f"download{plain}"
    header = f'attachment; filename="{plain}"'
    if plain != clean:
        header += f"; filename*=UTF-8''{quote(clean, safe='')}"
    return header.encode("ascii")


def _content_range(part: ByteRange, size: int) -> bytes:
    return b"bytes %d-%d/%d" % (part.first, part.last, size)


def _not_satisfiable(size: int) -> Problem:
    return Problem(
        416,
        "range_not_satisfiable",
        Text("This part of the file does not exist."),
        headers=[("Content-Range", f"bytes */{size}"), ("Accept-Ranges", "bytes")],
    )


def _accelerated(req: Request, path: Path) -> bytes | None:
    """Return nginx's own address of a file, where nginx is to send it; else ``None``."""
    # A request of the proxy's own machine, not through it, has no address forwarded.
    through_proxy = req.proxied and b"x-forwarded-for" in req.raw_headers
    if not (req.site.config.nginx_files and through_proxy):
        return None
    try:
        below = path.absolute().relative_to(req.site.config.site_dir / "data")
    except ValueError:
        return None
    return None if ".." in below.parts else quote(f"{ACCEL_LOCATION}{below}").encode()
