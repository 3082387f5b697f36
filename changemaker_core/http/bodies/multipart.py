"""``multipart/form-data`` (RFC 7578), part by part as it arrives.

The parser is the ``multipart`` library, which does no I/O of its own.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from changemaker_core.http.bodies.reading import too_large
from changemaker_core.http.errors import BadRequest, TooLarge
from changemaker_core.text import Text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from multipart import MultipartSegment

    Events = AsyncIterator[MultipartSegment | bytes | bytearray | None]

MULTIPART = "multipart/form-data"
#: Most parts of one body.
MAX_PARTS = 1_000
#: Most bytes of a part that is read whole.
MAX_TEXT = 65_536
#: Limits of a part's header: bytes of a line, and lines. RFC 7578 knows three.
MAX_HEADER_LINE = 4_096
MAX_HEADER_LINES = 8
#: Most bytes of a file's name, as file systems have it.
MAX_NAME = 255
#: RFC 2046, section 5.1.1.
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
#: A name with its character set (RFC 8187), which some clients send beside the plain one.
_EXTENDED_NAME = re.compile(r";\s*filename\*\s*=\s*(utf-8|iso-8859-1)'[^']*'([^\s;]+)", re.I)
#: Characters that turn the reading direction: "gpj.exe" must not look like "exe.jpg".
_BIDIRECTIONAL = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Part:
    """One part of a multipart body: a field, or a file where ``filename`` is not ``None``.

    ``filename`` is the last step of what the client sent, without control characters, and may be
    ``""``; ``content_type`` is what the client says of it, ``""`` where it says nothing.
    """

    __slots__ = ("_ended", "_events", "content_type", "filename", "name")

    def __init__(self, segment: MultipartSegment, events: Events) -> None:
        self.name = segment.name or ""
        self.filename = _filename(segment)
        self.content_type = segment.content_type or ""
        self._events = events
        self._ended = False

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the content as it arrives. What is left of it is skipped at the next part."""
        while not self._ended:
            event = await anext(self._events)
            if event is None:
                self._ended = True
            else:
                yield event  # type: ignore[misc]  # bytes: a segment comes only after None

    async def read(self, limit: int = MAX_TEXT) -> bytes:
        """Return the whole content; raises ``TooLarge`` beyond ``limit`` bytes."""
        content = bytearray()
        async for chunk in self.chunks():
            content += chunk
            if len(content) > limit:
                raise too_large()
        return bytes(content)

    async def text(self, limit: int = MAX_TEXT) -> str:
        """Return the whole content as text in UTF-8; raises ``TooLarge`` or ``BadRequest``."""
        try:
            return (await self.read(limit)).decode()
        except UnicodeDecodeError:
            raise malformed("a field is not text in UTF-8") from None

    async def skip(self) -> None:
        """Read the rest of the content and forget it."""
        async for _ in self.chunks():
            pass

    def __repr__(self) -> str:
        return f"Part(name={self.name!r}, filename={self.filename!r})"


async def parts(
    content_type: str, chunks: AsyncIterator[bytes], max_parts: int
) -> AsyncIterator[Part]:
    """Yield the parts of a body. Each is read, or skipped, before the next.

    Raises ``BadRequest`` for a malformed body and ``TooLarge`` beyond a limit.
    """
    events = _events(content_type, chunks, max_parts)
    async for event in events:
        # A segment: what follows it, up to None, is read by its part.
        part = Part(event, events)
        if not part.name:
            raise malformed("a part has no name")
        yield part
        await part.skip()


async def _events(content_type: str, chunks: AsyncIterator[bytes], max_parts: int) -> Events:
    # Imported here, as few sites receive files: the library is loaded with the first one.
    from multipart import (
        MultipartError,
        ParserLimitReached,
        PushMultipartParser,
        parse_options_header,
    )

    boundary: str = parse_options_header(content_type)[1].get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise malformed("Content-Type names no boundary of 1 to 70 characters")
    parser = PushMultipartParser(
        boundary,
        max_header_size=MAX_HEADER_LINE,
        max_header_count=MAX_HEADER_LINES,
        max_segment_count=max_parts,
    )
    try:
        async for chunk in chunks:
            for event in parser.parse(chunk):
                yield event
        parser.close()
    except ParserLimitReached as error:
        headers = [("Connection", "close")]
        raise TooLarge(str(error), code="too_many_parts", headers=headers) from None
    except MultipartError as error:
        raise malformed(str(error)) from None


def malformed(reason: str) -> BadRequest:
    """Return the error for a body that is no multipart."""
    detail = Text("The form could not be read: {reason}.", reason=reason)
    return BadRequest(detail, code="malformed_multipart")


def _filename(segment: MultipartSegment) -> str | None:
    disposition = next((v for n, v in segment.headerlist if n == "Content-Disposition"), "")
    if extended := _EXTENDED_NAME.search(disposition):
        charset, encoded = extended.groups()
        return clean_filename(unquote_to_bytes(encoded).decode(charset, errors="replace"))
    return None if segment.filename is None else clean_filename(segment.filename)


def clean_filename(sent: str) -> str:
    r"""Return a client's name for a file as a plain one: no folders, nothing that deceives.

    >>> clean_filename("C:\\Users\\ada\\..\\résumé.pdf "), clean_filename("../../.profile")
    ('résumé.pdf', 'profile')
    """
    name = re.split(r"[/\\]", unicodedata.normalize("NFC", sent))[-1]
    name = _BIDIRECTIONAL.sub("", name)
    name = "".join(each for each in name if unicodedata.category(each) not in ("Cc", "Cs"))
    return _shortened(name.strip(" ."))


def _shortened(name: str) -> str:
    """Cut in the middle, so that the suffix stays."""
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix) > 16:
        stem, suffix = name, ""
    room = MAX_NAME - len((dot + suffix).encode()) if suffix else MAX_NAME
    cut = stem.encode()[:room].decode(errors="ignore")
    return f"{cut}.{suffix}" if suffix else cut
