"""A PgBouncer before a test's PostgreSQL server."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from changemaker_core.testing.ports import free_port

if TYPE_CHECKING:
    from changemaker_core.testing.postgres import PostgresCluster

_START_SECONDS = 20.0


class PgBouncer:
    """A pooler on an ephemeral port of 127.0.0.1, in one of its modes.

    ``size`` is how many sessions of PostgreSQL it opens for each database.
    """

    def __init__(
        self, cluster: PostgresCluster, mode: Literal["session", "transaction"], size: int = 40
    ) -> None:
        self.port = free_port()
        self._cluster = cluster
        self._folder = Path(tempfile.mkdtemp(prefix="changemaker-pgbouncer-"))
        self._process: subprocess.Popen[bytes] | None = None
        (self._folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={cluster.port} user=postgres\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\n"
            f"unix_socket_dir =\nauth_type = any\npool_mode = {mode}\ndefault_pool_size = {size}\n"
            "max_client_conn = 500\nignore_startup_parameters = options\n"
        )

    @staticmethod
    def find() -> str | None:
        """Return the path of the program, or None where it is not installed."""
        return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")

    def start(self) -> None:
        """Start it; returns when it accepts connections."""
        program = self.find()
        if program is None:
            raise FileNotFoundError("no pgbouncer found; apt-get install pgbouncer")
        account = self._cluster.account
        if account is not None:  # it refuses to run as root
            shutil.chown(self._folder, account)
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # a program of the system
                [program, str(self._folder / "pgbouncer.ini")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=account,
                extra_groups=None if account is None else [],
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._accepts():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(f"PgBouncer did not start: {self.log()}")
            time.sleep(0.02)

    def _accepts(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def url_of(self, url: str) -> str:
        """Return the URL under which the cluster's database at ``url`` is reached through it."""
        return url.replace(f":{self._cluster.port}/", f":{self.port}/")

    def log(self) -> str:
        """Return what it has written to its log."""
        return (self._folder / "log").read_text(errors="replace")

    def kill(self) -> None:
        """End it at once, with all connections."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it, and delete its folder."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
