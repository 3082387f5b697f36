"""What the machine has for web processes: processors, and the memory that one of them uses."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

#: Web processes at most.
MOST_WORKERS: Final = 64
#: Control groups, version 2: where they are, and the path of this process's own.
_GROUPS: Final = Path("/sys/fs/cgroup")
_OWN_GROUP: Final = Path("/proc/self/cgroup")
_STATM: Final = "/proc/{}/statm"
_SIZE: Final = re.compile(r"([1-9]\d{0,5})\s*([KMG])(?:i?B)?", re.IGNORECASE)
_UNITS: Final = {"K": 2**10, "M": 2**20, "G": 2**30}


def usable_processors() -> int:
    """Return how many processors this process may use at a time, rounded up.

    Fewer than the machine has where it is bound to some (``taskset``), or where its container or
    service has a quota (control groups, version 2).
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(bound or 1, _quota() or MOST_WORKERS, MOST_WORKERS))


def _quota() -> int | None:
    """Return the least quota of this process's control group and of those around it.

    A container sees its own as the outermost one; a service has one below.
    """
    group = _GROUPS / _own_group()
    around = [group, *(parent for parent in group.parents if parent.is_relative_to(_GROUPS))]
    return min(filter(None, map(_quota_of, around)), default=None)


def _own_group() -> str:
    try:
        lines = _OWN_GROUP.read_text().splitlines()
    except OSError:  # another system
        return ""
    own = next((line[3:] for line in lines if line.startswith("0::/")), "/")
    return "" if ".." in own else own[1:]  # above what this process can see


def _quota_of(group: Path) -> int | None:
    try:
        limit, period = (group / "cpu.max").read_text().split()
        return -(-int(limit) // int(period))
    except (OSError, ValueError):  # there is none; or ``max``, which is no number
        return None


def parse_size(written: str) -> int:
    """Return the bytes of a size; raises ``ValueError`` for anything else.

    >>> parse_size("512M"), parse_size("1 GiB")
    (536870912, 1073741824)
    """
    match = _SIZE.fullmatch(written.strip())
    if match is None:
        raise ValueError(f'a size is written like "512M" or "1G", not {written!r}')
    return int(match[1]) * _UNITS[match[2].upper()]


def resident_memory(pid: int) -> int | None:
    """Return the bytes of memory that a process has in use; ``None`` where that is not known.

    It has ended, or the system has no ``/proc``.
    """
    try:
        pages = Path(_STATM.format(pid)).read_text().split()[1]
    except (OSError, IndexError):
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
