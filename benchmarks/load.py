"""Load on a server: wrk at full speed, or requests at a steady pace."""

from __future__ import annotations

import http.client
import itertools
import json
import subprocess
import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from benchmarks import machine, places

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

CONNECTIONS = 64


class LoadFailed(Exception):
    """Some requests failed: the figures would be of errors."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk saw. Latencies are milliseconds, under full load."""

    requests: int
    seconds: float
    p50: float
    p95: float
    p99: float
    worst: float

    @property
    def per_second(self) -> float:
        """Requests that got a response in a second."""
        return self.requests / self.seconds


@dataclass(frozen=True, slots=True)
class Gets:
    """GETs of ``paths``, each in turn, with one more ``header`` if there is any."""

    paths: Sequence[str]
    header: tuple[str, str] | None = None

    def arguments(self) -> list[str]:
        """wrk's script and what it is given."""
        text = "".join(f"{path}\n" for path in self.paths)
        file = places.made("load") / f"paths-{zlib.crc32(text.encode()):08x}.txt"
        file.write_text(text)
        return [str(_script("get")), "--", str(file), *(self.header or ())]


_runs = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Posts:
    """POSTs of the JSON ``template``, in which ``@TITLE@`` becomes a new title each time."""

    template: str
    token: str | None = None

    def arguments(self) -> list[str]:
        """wrk's script and what it is given."""
        file = places.made("load") / "new-campaign.json"
        file.write_text(self.template)
        run = f"{time.time_ns() // 1_000_000:x}x{next(_runs)}"
        return [str(_script("post")), "--", str(file), run, *([self.token] if self.token else [])]


def full_speed(address: str, work: Gets | Posts, seconds: int, *, cores: str | None = None) -> Load:
    """As many requests as 64 connections can carry. Raises ``LoadFailed``.

    wrk runs on the clients' core, or on ``cores`` as taskset names them.
    """
    script, *rest = work.arguments()
    wrk = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout=30s", "-s", script]
    done = subprocess.run(  # noqa: S603  # wrk with our own script
        machine.pinned(cores or str(machine.cores()[1]), *wrk, address, *rest),
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=False,
    )
    if done.returncode or not (lines := [x for x in done.stdout.splitlines() if x[:1] == "{"]):
        raise LoadFailed(f"wrk ended with {done.returncode}: {done.stderr or done.stdout}")
    seen = json.loads(lines[-1])
    if seen["failed"] or not seen["requests"]:
        raise LoadFailed(f"{address}: {seen['failed']} of {seen['requests']} requests failed")
    times = [seen[name] / 1000 for name in ("p50", "p95", "p99", "max")]
    return Load(seen["requests"], seen["microseconds"] / 1e6, *times)


def paced(address: str, path: str, per_second: float, until: Callable[[int], bool]) -> list[float]:
    """Latencies, in milliseconds, of GETs that begin at a steady pace on one connection.

    Each is counted from the moment when it was due, so that waiting is not left out. Ends when
    ``until(requests so far)`` is true. The caller's process is the client: pin it.
    """
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    seen: list[float] = []
    began = time.perf_counter()
    while not until(len(seen)):
        due = began + len(seen) / per_second
        time.sleep(max(0.0, due - time.perf_counter()))
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise LoadFailed(f"{path} responded with {response.status}")
        seen.append((time.perf_counter() - due) * 1000)
    connection.close()
    return seen


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of ``values`` do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _script(name: str) -> Path:
    """One file of a script and what writes the figures: wrk takes a single one."""
    file = places.made("load") / f"{name}.lua"
    file.write_text("".join((places.SCRIPTS / f"{n}.lua").read_text() for n in (name, "done")))
    return file
