"""The machine: its cores, how busy it is, and what a process tree costs."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
#: Share of one core that others may use while the machine counts as quiet.
QUIET = 0.10
_LOOK_SECONDS = 0.5


_AVAILABLE = sorted(os.sched_getaffinity(0))


def cores() -> tuple[int, int]:
    """The core of the measured server, and the core of everything else."""
    if len(_AVAILABLE) < 2:
        raise SystemExit("benchmarks need two cores: one for the server, one for its clients")
    return _AVAILABLE[0], _AVAILABLE[1]


def pinned(to: str, *command: str | Path) -> list[str]:
    """``command`` on these cores (``"0"``, ``"0,1"``), with all that it starts."""
    return ["taskset", "-c", to, *map(str, command)]


def busy_seconds() -> float:
    """CPU seconds that the whole machine has worked since it started."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    user, nice, system, _idle, _waiting, irq, softirq, _steal = map(int, fields)
    return (user + nice + system + irq + softirq) / _TICK


def busy_cores(seconds: float = _LOOK_SECONDS) -> float:
    """How many cores are in use during the next ``seconds``; 0.5 is half of one."""
    before, began = busy_seconds(), time.monotonic()
    time.sleep(seconds)
    return (busy_seconds() - before) / (time.monotonic() - began)


def wait_until_quiet(patience: float) -> bool:
    """Whether the machine became quiet within ``patience`` seconds."""
    until = time.monotonic() + patience
    while busy_cores() > QUIET:
        if time.monotonic() >= until:
            return False
        time.sleep(min(2.0, max(0.0, until - time.monotonic())))
    return True


def tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        fields = _stat(int(folder.name))
        if fields is not None:
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found, waiting = [], [pid]
    while waiting:
        each = waiting.pop()
        found.append(each)
        waiting += children.get(each, [])
    return [each for each in found if _stat(each) is not None]


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU seconds of processes, and of their children that ended, so far."""
    found = [fields for pid in pids if (fields := _stat(pid)) is not None]
    return sum(sum(map(int, fields[11:15])) for fields in found) / _TICK


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes of 1,000,000 bytes: the largest process of a tree, and all of them together."""

    largest: float
    total: float


def memory(pid: int) -> Memory:
    """Resident memory; pages that processes share count in each of them."""
    sizes = [int(fields[21]) * _PAGE / 1e6 for each in tree(pid) if (fields := _stat(each))]
    return Memory(max(sizes, default=0.0), sum(sizes))


def description() -> dict[str, str]:
    """What figures depend on."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * _PAGE / 1e9:.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "Node": _first_line("node", "--version").lstrip("v"),
        "wrk": _first_line("wrk", "--version").partition(" [")[0].removeprefix("wrk "),
        "PostgreSQL": _first_line("psql", "--version").removeprefix("psql (PostgreSQL) "),
    }


def _stat(pid: int) -> list[str] | None:
    """Fields of ``/proc/PID/stat`` after the name: state is the first; None if it ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _first_line(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return (done.stdout or done.stderr).split("\n", 1)[0].strip()
