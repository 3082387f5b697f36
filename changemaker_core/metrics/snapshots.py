"""The folder in which the processes of a site write their numbers down for each other.

Each process owns ``<id>.json``, replaced as a whole, and holds a lock on ``<id>.alive`` for as long
as it lives, however it ends. Whoever reads adds the numbers of the dead to ``folded`` first,
so that totals never go down.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, TypeVar

import msgspec

from changemaker_core.metrics.numbers import Numbers, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

T = TypeVar("T")


class Folded(msgspec.Struct):
    """What processes counted that are gone. ``ids`` are those whose files may still be there: one
    that is killed between folding and deleting must not be counted twice."""

    total: Snapshot
    ids: list[str]


class SnapshotFolder:
    """One process's place in the folder; taken when it first writes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._id = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._alive: IO[bytes] | None = None

    def write(self, numbers: Numbers) -> None:
        """Write this process's numbers down."""
        if self._alive is None:
            self._alive = self._announce()
        _replace(self._file(self._id), msgspec.json.encode(numbers.snapshot()))

    def merged(self) -> Numbers:
        """The numbers of all processes, dead and alive."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            folded = self._fold(self._dead())
            numbers = Numbers()
            numbers.add(folded.total)
            for file in self._files():
                if file.stem not in folded.ids:
                    numbers.add(_read(file, Snapshot))
        return numbers

    def leave(self) -> None:
        """Let go of the lock: the process ends, its numbers stay."""
        if self._alive is not None:
            self._alive.close()
            self._alive = None

    def _announce(self) -> IO[bytes]:
        self._folder.mkdir(parents=True, exist_ok=True)
        # Under the folder's lock, so that nobody folds what is only just being announced.
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
        """Add the numbers of the dead to what is folded, then delete their files."""
        file = self._folder / "folded"
        folded = _read(file, Folded) if file.exists() else Folded(Snapshot(), [])
        new = [each for each in dead if each not in folded.ids]
        if new:
            numbers = Numbers()
            numbers.add(folded.total)
            for each in filter(self._exists, new):
                numbers.add(_read(self._file(each), Snapshot), alive=False)
            folded = Folded(numbers.snapshot(), dead)
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
        with (self._folder / "lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _read(file: Path, struct: type[T]) -> T:
    return msgspec.json.decode(file.read_bytes(), type=struct)


def _replace(file: Path, content: bytes) -> None:
    """Write a file as a whole: readers see the old one or the new one."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_bytes(content)
    draft.replace(file)
