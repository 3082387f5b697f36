"""A site run as its operator runs it: made and served by the command line, over real sockets."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Seconds that a command or a server's start may take on a slow machine.
PATIENCE = 120
#: The command of the environment that runs the tests.
COMMAND = str(Path(sys.executable).with_name("changemaker"))


@dataclass(slots=True)
class OperatedSite:
    """A site's folder and the environment in which its commands run."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    admin_email: str = ""
    admin_password: str = ""

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """``changemaker --site FOLDER ARGUMENTS…``, to its end."""
        command = [COMMAND, "--site", str(self.folder)]
        done = subprocess.run(  # noqa: S603  # our own command, our own arguments
            [*command, *arguments],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{arguments} ended with {done.returncode}: {done.stderr}")
        return done

    def make(self, *options: str) -> None:
        """``changemaker init``."""
        made = json.loads(self.run("init", str(self.folder), "--yes", "--json", *options).stdout)
        self.admin_email = made["admin_email"]
        self.admin_password = made["admin_password"]

    @contextlib.contextmanager
    def serve(self, *options: str, environment: Mapping[str, str] = {}) -> Iterator[str]:
        """``changemaker serve`` on a free port while the block runs; gives its address."""
        with self.start("serve", "--port", "0", *options, environment=environment) as (_, address):
            yield address

    @contextlib.contextmanager
    def start(
        self,
        *arguments: str,
        environment: Mapping[str, str] = {},
    ) -> Iterator[tuple[subprocess.Popen[str], str]]:
        """A command that serves, until the block ends: its process and its address."""
        with self.running(*arguments, environment=environment) as process:
            yield process, _address(process)

    @contextlib.contextmanager
    def running(
        self, *arguments: str, environment: Mapping[str, str] = {}
    ) -> Iterator[subprocess.Popen[str]]:
        """A command that goes on, until the block ends: its process."""
        process = subprocess.Popen(  # noqa: S603  # our own command, our own arguments
            [COMMAND, "--site", str(self.folder), *arguments],
            env={**self._environment(), **environment},
            stdout=subprocess.PIPE,
            stderr=None,
            text=True,
        )
        try:
            yield process
        finally:
            _stop(process)

    def _environment(self) -> dict[str, str]:
        own = {k: v for k, v in os.environ.items() if not k.startswith("CHANGEMAKER_")}
        return {**own, **self.environment, "PYTHONUNBUFFERED": "1"}


def _address(process: subprocess.Popen[str]) -> str:
    """The address in the first line of output that has one; the rest is read and let go."""
    if process.stdout is None:
        raise AssertionError("the process was started without a pipe")
    found: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(process.stdout, found), daemon=True).start()
    address = found.get(timeout=PATIENCE)
    if address is None:
        raise AssertionError(f"the server ended with status {process.wait()} before it responded")
    return address


def _read(lines: IO[str], found: queue.SimpleQueue[str | None]) -> None:
    for line in lines:
        words = [word for word in line.split() if word.startswith("http://")]
        if words:
            found.put(words[-1])
    found.put(None)


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=PATIENCE)
    finally:
        process.kill()
        if process.stdout is not None:
            process.stdout.close()
