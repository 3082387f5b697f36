"""The text of a file whose encoding nobody declared, line by line.

A spreadsheet saves CSV in UTF-8 with a byte order mark, in UTF-16 ("Unicode text"), or in the
system's own 8-bit character set, which is Windows-1252 or, on a Mac, Mac Roman.
"""

from __future__ import annotations

import codecs
import io
from typing import TYPE_CHECKING, BinaryIO, Final

from changemaker_core.spreadsheets.errors import CsvError
from changemaker_core.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The longest line, in characters. What is longer has no line ends where a row ends.
MAX_LINE: Final = 1_000_000
#: What stands for bytes that mean nothing in the file's encoding.
UNREADABLE: Final = "\ufffd"
_CHUNK: Final = 64 * 1024
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins like UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_OTHER_FORMATS: Final = (b"%PDF", b"\x1f\x8b", b"<!DOCTYPE", b"<html", b"{\\rtf", b"\x89PNG")
#: Accented letters of French in Mac Roman, which are unused or rare in Windows-1252.
_MAC_LETTERS: Final = b"\x83\x88\x8d\x8e\x8f\x90\x9d\x9e"


def lines_of(file: BinaryIO) -> Iterator[str | None]:
    """Yield the lines of ``file``, without their ends; ``None`` for one longer than ``MAX_LINE``.

    Bytes without a meaning become ``UNREADABLE``. Raises ``CsvError`` for another format.
    """
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    pending, too_long = "", False
    for text in _texts(file):
        *whole, pending = (pending + newlines.decode(text)).split("\n")
        for line in whole:
            yield None if too_long or len(line) > MAX_LINE else line
            too_long = False
        if len(pending) > MAX_LINE:
            pending, too_long = "", True
    pending += newlines.decode("", final=True)
    if pending or too_long:
        yield None if too_long else pending.removesuffix("\n")


def _texts(file: BinaryIO) -> Iterator[str]:
    head = _read(file)
    if head.startswith(_WORKBOOKS):
        reason = Text("This is an Excel workbook. In Excel, save it as “CSV UTF-8” and try again.")
        raise CsvError(reason)
    if head.lstrip().startswith(_OTHER_FORMATS):
        raise CsvError(Text("This is not a CSV file. Save the table as “CSV UTF-8” and try again."))
    decoder, skipped = _decoder_of(head)
    chunk = head[skipped:]
    while chunk:
        following = _read(file)
        yield decoder.decode(chunk, not following)
        chunk = following


def _read(file: BinaryIO) -> bytes:
    """Return the next bytes; fewer than ``_CHUNK`` only at the end of the file."""
    parts, left = [], _CHUNK
    while left > 0 and (part := file.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _decoder_of(head: bytes) -> tuple[codecs.IncrementalDecoder | _Undeclared, int]:
    """Return the decoder of a file that begins with ``head``, and how many bytes to skip."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return codecs.getincrementaldecoder(encoding)("replace"), len(mark)
    even, odd = head[::2].count(0), head[1::2].count(0)
    if even + odd > len(head) // 4:  # UTF-16 without a mark: each other byte of Latin text is 0
        encoding = "utf-16-le" if odd > even else "utf-16-be"
        return codecs.getincrementaldecoder(encoding)("replace"), 0
    return _Undeclared(), 0


class _Undeclared:
    """Decodes UTF-8 or an 8-bit character set: the first text beyond ASCII decides which."""

    def __init__(self) -> None:
        self._decided = False
        utf8 = codecs.getincrementaldecoder("utf-8")
        self._decoder: codecs.IncrementalDecoder = utf8("replace")

    def decode(self, chunk: bytes, final: bool = False) -> str:
        begun, _ = self._decoder.getstate()
        text = self._decoder.decode(chunk, final)
        if self._decided or text.isascii():
            return text
        self._decided = True
        unreadable = text.count(UNREADABLE)
        readable = sum(character > "\x7f" for character in text) - unreadable
        if readable >= unreadable:
            return text
        content = begun + chunk
        accented = sum(byte >= 0xC0 for byte in content)
        of_mac = sum(byte in _MAC_LETTERS for byte in content)
        encoding = "mac-roman" if of_mac > accented else "cp1252"
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        return self._decoder.decode(content, final)
