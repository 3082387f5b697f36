"""A counter in a file of this machine, which only grows."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from changemaker_core.config.site_files import lock_file, open_private, private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Each write has this many digits, in place, so that it overwrites every digit of the last one.
DIGITS = 20


class CounterFile:
    """A counter that any thread of any process may read and raise; 0 where the file has no number.

    A process that is killed leaves the old number or the new one. After a power cut the number may
    be some seconds old, since no write waits for the disk.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> int:
        """Return the number; 0 where there is none."""
        try:
            with _locked(self._path, os.O_RDONLY, fcntl.LOCK_SH) as handle:
                return _number(handle)
        except FileNotFoundError:
            return 0

    def raise_to(self, number: int) -> None:
        """Set the number unless it is higher already. Creates the file and its folder."""
        try:
            self._raise_to(number)
        except FileNotFoundError:
            private_folder(self._path.parent)
            self._raise_to(number)

    def _raise_to(self, number: int) -> None:
        with _locked(self._path, os.O_RDWR | os.O_CREAT, fcntl.LOCK_EX) as handle:
            if _number(handle) < number:
                os.pwrite(handle, f"{number:0{DIGITS}}\n".encode(), 0)


@contextmanager
def _locked(path: Path, flags: int, lock: int) -> Iterator[int]:
    """Open and lock the file. Each call has its own descriptor, so that threads exclude each
    other too. Raise ``TimeoutError``."""
    handle = open_private(path, flags)
    try:
        lock_file(handle, lock, path)
        yield handle
    finally:
        os.close(handle)


def _number(handle: int) -> int:
    text = os.pread(handle, DIGITS, 0)
    return int(text) if text.isdigit() else 0
