"""A PostgreSQL server of one's own, for as long as a test run lasts."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

import psycopg2

from changemaker_core.testing.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIKELY = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
_ACCOUNTS = ("postgres", "nobody")  # PostgreSQL refuses to run as root
_START_SECONDS = 60
#: Nothing here has to survive a power cut.
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
}
#: Whether a database is as it was made, and nobody else is connected.
_IS_UNTOUCHED = """
SELECT NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace)
  AND NOT EXISTS (SELECT FROM pg_proc WHERE pronamespace = 'public'::regnamespace)
  AND NOT EXISTS (SELECT FROM pg_db_role_setting JOIN pg_database ON setdatabase = pg_database.oid
                  WHERE datname = current_database())
  AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
                  AND backend_type = 'client backend' AND pid <> pg_backend_pid())"""


class PostgresCluster:
    """A private cluster on an ephemeral port of 127.0.0.1, gone at exit.

    >>> cluster = PostgresCluster()
    >>> cluster.start()
    >>> url = cluster.create_database()

    ``settings`` are added to its configuration. A test that crashes the server turns on
    ``synchronous_commit``, without which the last commits may go. ``neighbours``: other machines of
    the test may connect, over any network that this one is directly on.
    """

    #: Those of this process that run, by their ports.
    _running: ClassVar[dict[int, PostgresCluster]] = {}

    def __init__(self, settings: Mapping[str, str] = {}, *, neighbours: bool = False) -> None:
        self._settings = settings
        self._neighbours = neighbours
        self._folder: Path | None = None
        self._port = 0
        self._numbers = itertools.count(1)
        #: The URLs of databases that were made without options, and may be replaced by copies.
        self._plain: set[str] = set()
        #: The system's account that it runs as; None for one's own.
        self.account: str | None = None

    @staticmethod
    def find() -> Path | None:
        """The newest folder with ``initdb`` in it, or None where PostgreSQL is not installed."""
        on_path = shutil.which("initdb")
        if on_path:
            return Path(on_path).resolve().parent
        found = [
            folder
            for pattern in _LIKELY
            for folder in Path("/").glob(pattern.lstrip("/"))
            if (folder / "initdb").exists()
        ]
        return max(found, key=_version, default=None)

    @classmethod
    def of(cls, url: str) -> PostgresCluster | None:
        """The running cluster that made the database at ``url`` without options, or None."""
        cluster = cls._running.get(urlsplit(url).port or 0)
        return cluster if cluster is not None and url in cluster._plain else None

    def start(self) -> None:
        """Make the cluster and start it. Does nothing when it runs."""
        if self._folder is not None:
            return
        self.account = _other_account()
        self._folder = Path(tempfile.mkdtemp(prefix="changemaker-postgresql-"))
        if self.account is not None:
            shutil.chown(self._folder, self.account)
        atexit.register(self.stop)
        self._port = free_port()
        self._make()
        self._configure({**_SETTINGS, "unix_socket_directories": str(self._folder)})
        self._configure(self._settings)
        self._running[self._port] = self
        if self._neighbours:
            with (self._data / "pg_hba.conf").open("a") as file:
                file.write("host all all samenet trust\n")
        self.resume()

    def resume(self) -> None:
        """Start the server again after ``kill`` or ``halt``; returns when it responds."""
        host = "0.0.0.0" if self._neighbours else "127.0.0.1"  # noqa: S104  # of a namespace
        options = f"-p {self._port} -h {host}"
        log = self._data.parent / "log"
        self._command("pg_ctl", "-D", self._data, "-l", log, "-o", options, "-w", "start")

    def halt(self) -> None:
        """Shut the server down; whoever is connected is cut off."""
        self._command("pg_ctl", "-D", self._data, "-m", "fast", "-w", "stop")

    def kill(self) -> None:
        """End the server at once with SIGKILL, as a crash would; returns when all of it is gone."""
        members = _members(self.pid)
        os.kill(self.pid, signal.SIGKILL)
        deadline = time.monotonic() + _START_SECONDS
        while _alive("-p", ",".join(map(str, members))):
            if time.monotonic() > deadline:
                raise RuntimeError("parts of a killed PostgreSQL server did not end")
            time.sleep(0.01)
        # Until it is reaped, a new server would take the dead one for alive.
        (self._data / "postmaster.pid").unlink()
        (self._data.parent / f".s.PGSQL.{self._port}.lock").unlink()

    def hang(self) -> None:
        """Let it accept connections without responding, until ``go_on``."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it respond again."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for pid in _members(self.pid):
            with contextlib.suppress(ProcessLookupError):  # a session that has just ended
                os.kill(pid, number)

    @property
    def pid(self) -> int:
        """Of the running server's first process."""
        return int((self._data / "postmaster.pid").read_text().splitlines()[0])

    @property
    def port(self) -> int:
        """The same from one start to the next."""
        return self._port

    def _make(self) -> None:
        options = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        self._command("initdb", "-D", self._data, *options)

    def _configure(self, settings: Mapping[str, str]) -> None:
        with (self._data / "postgresql.auto.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def create_database(self, options: str = "") -> str:
        """A new empty database, with ``options`` of SQL; returns its URL."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self._execute(f'CREATE DATABASE "{name}" {options}')
        url = f"postgresql://postgres@127.0.0.1:{self._port}/{name}"
        if not options:
            self._plain.add(url)
        return url

    def is_untouched(self, url: str) -> bool:
        """Whether the database at ``url`` is as it was made, and nobody is connected to it."""
        with contextlib.closing(psycopg2.connect(url)) as connection:
            cursor = connection.cursor()
            cursor.execute(_IS_UNTOUCHED)
            return cursor.fetchall() == [(True,)]

    def copy(self, source: str, target: str) -> None:
        """Replace the database at the URL ``target`` by a copy of ``source`` (0.1 s).

        Nobody may be connected to ``source``; whoever is connected to ``target`` is cut off.
        """
        from_, to = (url.rsplit("/", 1)[1] for url in (source, target))
        self.drop(target)
        # By default, versions since 15 write each page to their log, too.
        strategy = "STRATEGY file_copy" if self._is_15() else ""
        self._execute(f'CREATE DATABASE "{to}" TEMPLATE "{from_}" {strategy}')
        self._plain.add(target)

    def _is_15(self) -> bool:
        return int((self._data / "PG_VERSION").read_text()) >= 15

    def drop(self, url: str) -> None:
        """Drop a database, whoever is still connected."""
        self._plain.discard(url)
        self._execute(f'DROP DATABASE IF EXISTS "{url.rsplit("/", 1)[1]}" WITH (FORCE)')

    def stop(self) -> None:
        """Stop the server and delete the cluster."""
        if self._folder is None:
            return
        folder, self._folder = self._folder, None
        self._running.pop(self._port, None)
        atexit.unregister(self.stop)
        try:
            if (folder / "data" / "postmaster.pid").exists():
                self._command("pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def log(self) -> str:
        """What the server has written to its log."""
        path = self._data.parent / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def _data(self) -> Path:
        assert self._folder is not None  # noqa: S101  # start() made it
        return self._folder / "data"

    def _execute(self, statement: str) -> None:
        url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"
        with contextlib.closing(psycopg2.connect(url)) as connection:
            connection.autocommit = True
            connection.cursor().execute(statement)

    def _command(self, program: str, *arguments: str | Path) -> None:
        folder = self.find()
        if folder is None:
            raise FileNotFoundError("no initdb found; apt-get install postgresql")
        command = [str(folder / program), *map(str, arguments)]
        # The server inherits what pg_ctl has open: a pipe would keep this call waiting for ever.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(  # noqa: S603  # PostgreSQL's own programs
                command,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                user=self.account,
                extra_groups=None if self.account is None else [],
                cwd="/",
                timeout=_START_SECONDS,
                check=False,
            )
            if done.returncode:
                output.seek(0)
                said = output.read().decode(errors="replace")
                raise RuntimeError(f"{program} failed: {said}\n{self.log()[-1000:]}")


def _other_account() -> str | None:
    """Whom to run as: None for oneself."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in _ACCOUNTS if name in known)


def _members(pid: int) -> list[int]:
    """A server's processes: ``pid``, which is the first, and what it started."""
    return _alive("-p", str(pid), "--ppid", str(pid))


def _alive(*chosen: str) -> list[int]:
    """Which of the processes that ``ps`` is to list have not ended."""
    listed = subprocess.run(  # noqa: S603  # our own arguments
        ["ps", "-o", "pid=,stat=", *chosen],  # noqa: S607  # where the system has it
        capture_output=True,
        text=True,
        check=False,
    )
    rows = [line.split() for line in listed.stdout.splitlines()]
    return [int(number) for number, state in rows if not state.startswith("Z")]


def _version(folder: Path) -> int:
    digits = "".join(character for character in str(folder) if character.isdigit())
    return int(digits or 0)
