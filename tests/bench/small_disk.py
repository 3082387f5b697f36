"""Full disks: a limit of the kernel on the files of processes, or a small disk of its own."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Bytes of a small disk: a site's database has room, and little more.
SIZE = 48 << 20


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    lists = [task / "children" for task in Path(f"/proc/{pid}/task").iterdir()]
    return [int(child) for each in lists for child in each.read_text().split()]


def limit_files(pids: list[int], most: int = resource.RLIM_INFINITY) -> None:
    """Let no file of these processes grow beyond ``most`` bytes."""
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


def why_not() -> str | None:
    """The reason why no small disk can be mounted here; None where it can."""
    if os.geteuid() != 0:
        return "a small disk is mounted by root"
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(  # our own folder
            ["/bin/mount", "-t", "tmpfs", "-o", "size=64k", "none", folder],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            subprocess.run(["/bin/umount", folder], check=True)  # our own folder
    return done.stderr.strip() or None


@contextlib.contextmanager
def mounted(owner: str | None) -> Iterator[Path]:
    """A small disk that belongs to ``owner``, while the block runs."""
    folder = Path(tempfile.mkdtemp(prefix="changemaker-disk-"))
    folder.chmod(0o755)
    size = f"size={SIZE},mode=0700"
    subprocess.run(  # our own folder
        ["/bin/mount", "-t", "tmpfs", "-o", size, "none", str(folder)], check=True
    )
    try:
        if owner is not None:
            shutil.chown(folder, owner)
        yield folder
    finally:
        subprocess.run(["/bin/umount", "-l", str(folder)], check=True)  # ours
        folder.rmdir()


def fill(folder: Path) -> Path:
    """Fill a disk, and return the file to delete."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(1 << 16)):
            pass
    return filler
