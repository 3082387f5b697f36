"""Write an archive: a tar whose last file has the hash of every other."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
import time
import zlib
from typing import IO, TYPE_CHECKING, Any, Self

from changemaker_core.backups.errors import BackupError
from changemaker_core.backups.manifest import GROWTH, MANIFEST, SUMS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: What others than the owner keep of a file's mode: no set-user-id, and no write.
MODE = 0o755
_COMPRESSION = 6
#: Has zlib write the header and the end of a gzip file.
_GZIP = 31


class ArchiveWriter:
    """Writes files into ``stream``, compressed by gzip if ``compressed``.

    ``on_bytes`` is called with the number of bytes each time that some of a file are written.
    """

    def __init__(
        self, stream: IO[bytes], *, compressed: bool, on_bytes: Callable[[int], None]
    ) -> None:
        self._on_bytes = on_bytes
        self._sink = _Sink(stream, compressed=compressed)
        self._tar = tarfile.open(mode="w", fileobj=self._sink, format=tarfile.PAX_FORMAT)  # type: ignore[call-overload]  # it only calls tell() and write(data)
        self._sums: dict[str, str] = {}
        self._growth = GROWTH

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:  # otherwise nobody may take what is there for a whole archive
            self._add_sums()
            self._tar.close()
            self._sink.finish()

    @property
    def files(self) -> int:
        """How many files were added, without the two lists."""
        return len(self._sums.keys() - {MANIFEST, SUMS})

    def add_bytes(self, name: str, content: bytes) -> None:
        """Add a file with this content."""
        info = _info(name, 0o600, time.time())
        info.size = len(content)
        self._add(info, io.BytesIO(content))

    def add_folder(self, name: str, found: os.stat_result) -> None:
        """Add a folder, without what is in it."""
        info = _info(name, stat.S_IMODE(found.st_mode) & MODE, found.st_mtime)
        info.type = tarfile.DIRTYPE
        self._tar.addfile(info)

    def add_file(self, name: str, path: Path, counted: os.stat_result | None = None) -> bool:
        """Add a file; return False where it was deleted meanwhile.

        Of a file that grows, the first part is added: of the size that it has now, or, where it has
        grown by much, of the size that it had when it was ``counted``. Raises ``BackupError`` where
        it cannot be read, where it becomes shorter, and where a much larger one took its place.
        """
        try:
            # Without waiting, where a pipe has taken the file's place.
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise unreadable(path, error) from error
        with open(handle, "rb") as file:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                return False
            info = _info(name, stat.S_IMODE(found.st_mode) & MODE, found.st_mtime)
            info.size = self._size(path, found, counted or found)
            self._add(info, file, path)
        return True

    def _size(self, path: Path, found: os.stat_result, counted: os.stat_result) -> int:
        """Return how much of a file is added. A restore refuses what grows by more than ``GROWTH``
        beyond what the manifest says, which might fill a disk."""
        grown = found.st_size - counted.st_size
        if grown <= self._growth:
            self._growth -= max(0, grown)
            return found.st_size
        if (found.st_dev, found.st_ino) == (counted.st_dev, counted.st_ino):
            return counted.st_size
        raise BackupError(
            f"{path} was replaced by a much larger file while the backup was made. Make it again."
        )

    def _add(self, info: tarfile.TarInfo, file: IO[bytes], path: Path | None = None) -> None:
        hashed = _Hashed(file, path, self._on_bytes)
        self._tar.addfile(info, hashed)
        self._sums[info.name] = hashed.digest()

    def _add_sums(self) -> None:
        lines = [f"{digest}  {name}\n" for name, digest in self._sums.items()]
        self.add_bytes(SUMS, "".join(lines).encode(errors="surrogateescape"))


class _Sink:
    """What tarfile writes to: a stream, which may be a pipe, and is left as it is on an error."""

    def __init__(self, stream: IO[bytes], *, compressed: bool) -> None:
        self._stream = stream
        self._gzip = zlib.compressobj(_COMPRESSION, wbits=_GZIP) if compressed else None
        self._written = 0

    def tell(self) -> int:
        return self._written

    def write(self, data: bytes) -> int:
        self._written += len(data)
        self._stream.write(self._gzip.compress(data) if self._gzip else data)
        return len(data)

    def finish(self) -> None:
        if self._gzip is not None:
            self._stream.write(self._gzip.flush())


def unreadable(path: Path, error: OSError) -> BackupError:
    """Return the error for a file that cannot be read: a backup without it would not be whole."""
    return BackupError(
        f"Cannot read {path}: {error.strerror}.\n"
        "Run the command as the user that the site runs as, or move the file out of the site."
    )


def _info(name: str, mode: int, mtime: float) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode, info.mtime = mode, int(mtime)
    return info


class _Hashed:
    """A file that is hashed while it is read."""

    def __init__(self, file: IO[bytes], path: Path | None, on_bytes: Callable[[int], None]) -> None:
        self._file, self._path, self._on_bytes = file, path, on_bytes
        self._hash: Any = hashlib.sha256()

    def read(self, size: int) -> bytes:
        try:
            data = self._file.read(size)
        except OSError as error:
            raise BackupError(f"Cannot read {self._path}: {error.strerror}.") from error
        if len(data) < size:
            raise BackupError(
                f"{self._path} became shorter while it was read. Make the backup again; if a "
                "program rewrites the file all the time, move it out of the site's folder."
            )
        self._hash.update(data)
        self._on_bytes(size)
        return data

    def digest(self) -> str:
        digest: str = self._hash.hexdigest()
        return digest
