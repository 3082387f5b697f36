"""A server under test: started on its core, stopped for the others' turns, ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks import machine, places
from changemaker_core.testing.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

#: Seconds that a server gets for its first response (Strapi also fills its database), or to end.
START_PATIENCE, END_PATIENCE = 300, 20


class DidNotStart(Exception):
    """A server ended, or did not respond."""


@dataclass(slots=True)
class Server:
    """A running server. ``address`` has no slash at its end."""

    name: str
    process: subprocess.Popen[bytes]
    address: str
    log: Path
    #: Seconds from its start to its first response.
    started_in: float = 0.0
    _stopped: list[int] = field(default_factory=list)

    @property
    def pids(self) -> list[int]:
        """Its processes."""
        return machine.tree(self.process.pid)

    def cpu_seconds(self) -> float:
        """CPU time of all its processes so far."""
        return machine.cpu_seconds(self.pids)

    def memory(self) -> machine.Memory:
        """The memory of its processes."""
        return machine.memory(self.process.pid)

    def pause(self) -> None:
        """Keep it from running while others are measured."""
        self._stopped = self.pids
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it run again."""
        self._signal(signal.SIGCONT)

    def end(self) -> None:
        """Ask it to end; after a while, make it."""
        self._stopped = self.pids
        self._signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(END_PATIENCE)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self.process.wait(END_PATIENCE)

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


@contextlib.contextmanager
def running(
    name: str,
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    *,
    probe: str,
    cwd: Path | None = None,
    cores: str | None = None,
    pause: float = 0.1,
) -> Iterator[Server]:
    """Start ``command`` with ``PORT`` set (``{port}`` in an argument is replaced), wait until
    it responds to ``probe`` with 200, and end it with the block.

    It runs on the servers' core, or on ``cores`` as taskset names them. ``pause`` is in seconds,
    between two tries.
    """
    port = free_port()
    words = [str(word).replace("{port}", str(port)) for word in command]
    log = places.made("logs") / f"{name.replace('/', '-')}.log"
    began = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  # servers of our own
            machine.pinned(cores or str(machine.cores()[0]), *words),
            env={**_environment(), **environment, "PORT": str(port)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=cwd,
        )
    server = Server(name, process, f"http://127.0.0.1:{port}", log)
    try:
        server.started_in = wait_until_ready(server, probe, pause) - began
        yield server
    finally:
        server.end()


def wait_until_ready(server: Server, path: str, pause: float = 0.1) -> float:
    """Request ``path`` until the status is 200; return the moment (``perf_counter``)."""
    until = time.monotonic() + START_PATIENCE
    while time.monotonic() < until:
        if server.process.poll() is not None:
            raise DidNotStart(f"{server.name} ended: {_tail(server.log)}")
        with contextlib.suppress(OSError, urllib.error.HTTPError):
            with urllib.request.urlopen(server.address + path, timeout=10) as response:  # noqa: S310
                response.read()
                return time.perf_counter()
        time.sleep(pause)
    raise DidNotStart(f"{server.name} did not respond: {_tail(server.log)}")


def _environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CHANGEMAKER_", "DATABASE_"))}
    return {**kept, "NODE_ENV": "production"}


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]
