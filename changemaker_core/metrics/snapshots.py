"""The folder through which the processes of a site share their metrics.

Each process owns ``<id>.json``, which it replaces atomically, and locks ``<id>.alive`` until it
ends, however it ends. A reader first adds the metrics of dead processes to ``folded``, so that
totals never go down.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, TypeVar

import msgspec

from changemaker_core.config.site_files import lock_file, private_folder
from changemaker_core.metrics.process_metrics import ProcessMetrics, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

T = TypeVar("T")


class Folded(msgspec.Struct):
    """The metrics of dead processes. ``ids`` are those whose files may still exist: where a reader
    is killed between folding and deleting, they are not counted twice."""

    total: Snapshot
    ids: list[str]


class SnapshotFolder:
    """The files of one process in the folder, created when it first writes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._id = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._alive: IO[bytes] | None = None

    def write(self, snapshot: Callable[[], Snapshot]) -> None:
        """Write the metrics of this process to its file. Raise ``OSError``.

        ``snapshot`` is called once the process is known to readers, which may take its time.
        """
        if self._alive is None:
            self._alive = self._create_alive()
        _replace(self._file(self._id), msgspec.json.encode(snapshot()))

    def merged(self) -> ProcessMetrics:
        """Return the sums over all processes, dead and alive. Raise ``OSError``."""
        private_folder(self._folder)
        with self._locked():
            folded = self._fold(self._dead())
            metrics = ProcessMetrics()
            metrics.add(folded.total)
            for file in self._files():
                if file.stem not in folded.ids:
                    metrics.add(_read(file, Snapshot))
        return metrics

    def leave(self) -> None:
        """Release the lock when the process ends; its metrics stay."""
        if self._alive is not None:
            self._alive.close()
            self._alive = None

    def _create_alive(self) -> IO[bytes]:
        private_folder(self._folder)
        # Under the folder's lock, so that no reader folds a process that is just starting.
        with self._locked():
            alive = (self._folder / f"{self._id}.alive").open("wb")
            fcntl.flock(alive, fcntl.LOCK_EX)
        return alive

    def _dead(self) -> list[str]:
        ids = [file.stem for file in self._folder.glob("*.alive")]
        return sorted(each for each in ids if each != self._id and self._is_dead(each))

    def _is_dead(self, process: str) -> bool:
        with (self._folder / f"{process}.alive").open("rb") as alive:
            try:
                fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    def _fold(self, dead: list[str]) -> Folded:
        """Add the metrics of dead processes to the folded ones, then delete their files."""
        file = self._folder / "folded"
        folded = _read(file, Folded) if file.exists() else Folded(Snapshot(), [])
        new = [each for each in dead if each not in folded.ids]
        if new:
            metrics = ProcessMetrics()
            metrics.add(folded.total)
            for each in filter(self._exists, new):
                metrics.add(_read(self._file(each), Snapshot), alive=False)
            folded = Folded(metrics.snapshot(), dead)
            _replace(file, msgspec.json.encode(folded))
        for each in dead:
            self._file(each).unlink(missing_ok=True)
            (self._folder / f"{each}.alive").unlink(missing_ok=True)
        return folded

    def _exists(self, process: str) -> bool:
        return self._file(process).exists()

    def _file(self, process: str) -> Path:
        return self._folder / f"{process}.json"

    def _files(self) -> Iterator[Path]:
        return self._folder.glob("*.json")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        path = self._folder / "lock"
        with path.open("wb") as lock:
            lock_file(lock.fileno(), fcntl.LOCK_EX, path)
            yield


def _read(file: Path, struct: type[T]) -> T:
    return msgspec.json.decode(file.read_bytes(), type=struct)


def _replace(file: Path, content: bytes) -> None:
    """Replace a file atomically: readers see the old one or the new one."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_bytes(content)
    draft.replace(file)
