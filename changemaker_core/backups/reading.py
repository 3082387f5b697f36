"""Unpack an archive, which may have been written by somebody else.

Only folders and plain files are accepted, under the names that a backup has, each once, into a new
folder in which nothing else is: so no name and no link can lead out of it. What is unpacked is
never more than the archive says at its beginning, and than the disk has room for.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import stat
import sys
import tarfile
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final, Self

from changemaker_core.backups.errors import BackupError
from changemaker_core.backups.manifest import (
    DATABASES,
    ELSEWHERE,
    GROWTH,
    MANIFEST,
    MOST_BYTES,
    SITE,
    SUMS,
    Manifest,
    decode,
)
from changemaker_core.backups.writing import MODE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 20
#: The largest header in the archive that describes a file: a name of a few thousand bytes.
_MOST_HEADER: Final = 64 * 1024
#: What tarfile and the functions of files raise for a header that no backup has: numbers that are
#: none, that are too large, headers of headers of headers.
_DAMAGED = (tarfile.TarError, EOFError, zlib.error, ValueError, OverflowError, RecursionError)
#: What remains free on the disk.
_RESERVE: Final = 16 * 1024 * 1024
#: A line of SHA256SUMS.
_SUM = re.compile(r"([0-9a-f]{64})  (.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Unpacked:
    """An archive that was unpacked into ``folder`` and found whole."""

    manifest: Manifest
    folder: Path
    files: int

    @property
    def site(self) -> Path:
        """The files of the site's folder."""
        return self.folder / SITE

    @property
    def database(self) -> Path:
        """The copy or dump of the database."""
        return self.folder / DATABASES[self.manifest.database.dialect]


@contextlib.contextmanager
def opened_archive(path: Path | None) -> Iterator[IO[bytes]]:
    """Open an archive; ``None`` is standard input."""
    if path is None:
        yield sys.stdin.buffer
        return
    try:
        with path.open("rb") as stream:
            yield stream
    except IsADirectoryError:
        raise BackupError(f"{path} is a folder. Name one of the backups in it.") from None
    except FileNotFoundError as error:
        if error.filename != str(path):
            raise
        raise BackupError(f"There is no backup {path}.") from None


def unpack(stream: IO[bytes], into: Path, on_bytes: Callable[[int, int], None]) -> Unpacked:
    """Unpack an archive into an empty folder. ``on_bytes`` is called with done and all bytes.

    Raises ``BackupError`` for one that is damaged, cut off, or not made by a backup.
    """
    try:
        return _Unpacking(stream, into, on_bytes).run()
    except _DAMAGED as error:
        raise BackupError(f"The backup is damaged or not complete: {error}.") from error
    except OSError as error:
        if error.errno is None:
            # gzip.BadGzipFile, and what tarfile says of a file that is cut off
            raise BackupError(f"The backup is damaged or not complete: {error}.") from error
        where = error.filename or into
        raise BackupError(f"Cannot write {where}: {error.strerror}.") from error


class _Header(tarfile.TarInfo):
    """A header, of which tarfile reads no more than a name needs into memory."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        is_entry = header.type in (*tarfile.REGULAR_TYPES, tarfile.DIRTYPE)
        if not is_entry and header.size > _MOST_HEADER:
            raise BackupError("The backup has a header that no backup has. Nothing was restored.")
        return header


class _Unpacking:
    def __init__(self, stream: IO[bytes], into: Path, on_bytes: Callable[[int, int], None]) -> None:
        self._stream, self._into, self._on_bytes = stream, into, on_bytes
        self._manifest: Manifest | None = None
        self._sums: dict[str, str] = {}
        self._done = self._entries = 0

    def run(self) -> Unpacked:
        peeked = _Peeked(self._stream)
        mode: Any = "r|gz" if peeked.starts_with(_GZIP) else "r|"
        with tarfile.open(fileobj=peeked, mode=mode, tarinfo=_Header) as tar:  # type: ignore[call-overload]  # it only calls read(size)
            members = iter(tar)
            first = next(members, None)
            if first is None or first.name != MANIFEST or not first.isreg():
                raise BackupError(
                    "This is no backup of a site: its first file is not manifest.json. "
                    "`changemaker backup` makes one."
                )
            self._manifest = manifest = decode(self._read(tar, first))
            for member in members:
                if member.name == SUMS and member.isreg():
                    self._check_sums(self._read(tar, member))
                    return Unpacked(manifest, self._into, len(self._sums) - 1)
                self._unpack(tar, member, manifest)
        raise BackupError("The backup is not complete: its end is missing. Use another one.")

    def _read(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
        """Return the content of one of the two lists, as they stand in the archive."""
        if member.size > MOST_BYTES * (16 if member.name == SUMS else 1):
            raise BackupError(f"The backup's {member.name} is too large: {member.size:,} bytes.")
        file = tar.extractfile(member)
        content = file.read() if file else b""
        if member.name != SUMS:
            self._sums[member.name] = hashlib.sha256(content).hexdigest()
        return content

    def _unpack(self, tar: tarfile.TarFile, member: tarfile.TarInfo, manifest: Manifest) -> None:
        path = self._into.joinpath(*self._checked(member, manifest))
        self._entries += 1
        if self._entries > manifest.entries:
            raise BackupError(
                f"The backup says that it has {manifest.entries:,} files and folders, and has "
                "more. Nothing was restored."
            )
        if member.isdir():
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.chmod(member.mode & MODE | stat.S_IRWXU)
            return
        self._refuse_size(member, manifest)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        source = tar.extractfile(member)
        with open(os.open(path, flags, 0o600), "wb") as file:
            digest = hashlib.sha256()
            while source is not None and (data := source.read(_CHUNK)):
                digest.update(data)
                file.write(data)
                self._done += len(data)
                self._on_bytes(self._done, manifest.bytes)
            os.fchmod(file.fileno(), member.mode & MODE | stat.S_IRUSR | stat.S_IWUSR)
        os.utime(path, (member.mtime, member.mtime))
        self._sums[member.name] = digest.hexdigest()

    def _checked(self, member: tarfile.TarInfo, manifest: Manifest) -> list[str]:
        """Return the parts of a name. Raises ``BackupError`` for what no backup has."""
        name = member.name
        parts = name.split("/")
        is_known = (
            name == DATABASES[manifest.database.dialect]
            or (parts[0] == SITE and (len(parts) > 1 or member.isdir()))
            or (parts[0] == ELSEWHERE and name in manifest.elsewhere)
        )
        is_plain = (member.isreg() and not member.issparse()) or member.isdir()
        if not is_plain or not is_known or {"", ".", ".."} & set(parts) or "\0" in name:
            kind = "folder" if member.isdir() else "file" if member.isreg() else "link or device"
            raise BackupError(
                f"The backup contains the {kind} {name!r}, which no backup has. Nothing was "
                "restored: somebody may have changed it."
            )
        if name in self._sums:
            raise BackupError(f"The backup contains {name!r} twice. Nothing was restored.")
        return parts

    def _refuse_size(self, member: tarfile.TarInfo, manifest: Manifest) -> None:
        if self._done + member.size > manifest.bytes + GROWTH:
            raise BackupError(
                f"The backup says that it has {manifest.bytes:,} bytes, and has more: "
                f"{member.name!r} is too large. Nothing was restored."
            )
        free = shutil.disk_usage(self._into).free
        if member.size + _RESERVE > free:
            raise BackupError(
                f"There is no space left in {self._into.parent}: {member.name!r} has "
                f"{member.size:,} bytes, and {free:,} are free. The whole backup takes "
                f"{manifest.bytes:,}."
            )

    def _check_sums(self, content: bytes) -> None:
        """Raise ``BackupError`` unless the files are those of the list, byte by byte."""
        listed: dict[str, str] = {}
        for line in content.decode(errors="surrogateescape").split("\n"):
            if found := _SUM.fullmatch(line):
                listed[found[2]] = found[1]
        if listed == self._sums:
            return
        names = [n for n in listed.keys() | self._sums if listed.get(n) != self._sums.get(n)]
        shown = ", ".join(sorted(names)[:3])
        raise BackupError(
            f"The backup is damaged: {len(names)} of its files are not those that were backed up, "
            f"such as {shown}. Use another backup."
        )


class _Peeked:
    """A stream whose first bytes were looked at."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._start = stream.read(len(_GZIP))

    def starts_with(self, start: bytes) -> bool:
        return self._start == start

    def read(self, size: int) -> bytes:
        start, self._start = self._start[:size], self._start[size:]
        return start + self._stream.read(size - len(start))
