"""A ``changemaker`` command to run, sites made by it, and servers that end with the test."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from changemaker_core.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.testing import Result

#: Seconds that anything may take on a busy machine before a test gives up.
PATIENCE = 120.0


@dataclass(frozen=True)
class Cli:
    """Runs ``changemaker`` as a process of its own, away from the caller's environment."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    def environment(self, **more: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("CHANGEMAKER_")}
        # Core's commands, whatever is installed.
        alone = {"CHANGEMAKER_PLUGINS__DENY": "influence,admin"}
        return {**kept, "LANG": "C.UTF-8", **alone, **self.environ, **more}

    def command(self, *arguments: object) -> list[str]:
        # As the installed command: without the working directory on sys.path.
        return [sys.executable, "-P", "-c", "from changemaker_core.cli import main; main()"] + [
            str(argument) for argument in arguments
        ]

    def run(
        self, *arguments: object, stdin: str = "", **environ: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            input=stdin,
            cwd=self.folder,
            env=self.environment(**environ),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def start(self, *arguments: object, **environ: str) -> Server:
        out = open(self.folder / f"out-{time.monotonic_ns()}", "w+")
        process = subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(PYTHONUNBUFFERED="1", **environ),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        out.close()
        return Server(process, Path(out.name))


def _children_of_thread(task: Path) -> list[str]:
    try:
        return (task / "children").read_text().split()
    except FileNotFoundError:  # the thread has ended since; its children are another's now
        return []


@dataclass(frozen=True)
class Server:
    """A running ``serve`` or ``demo``."""

    process: subprocess.Popen[bytes]
    output: Path

    def printed(self) -> str:
        return self.output.read_text()

    def address(self) -> str:
        """The address that it prints when it answers."""
        wait_for(lambda: "http://" in self.printed() or self.process.poll() is not None)
        assert "http://" in self.printed(), self.printed()
        return "http://" + self.printed().split("http://", 1)[1].split()[0]

    def children(self) -> list[int]:
        """The processes that it started and that live."""
        path = Path(f"/proc/{self.process.pid}/task")
        return [
            int(pid)
            for task in path.iterdir()
            for pid in _children_of_thread(task)
            if alive(int(pid))
        ]

    def children_of(self, kind: str) -> list[int]:
        """Its ``web`` or ``jobs`` processes."""
        return [pid for pid in self.children() if kind in command_line(pid)]

    def get(self, path: str) -> tuple[int, str]:
        """The status and text of a page."""
        try:
            with urllib.request.urlopen(self.address() + path, timeout=PATIENCE) as answer:  # noqa: S310
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        return self.process.wait(PATIENCE)


def command_line(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_for(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Return once ``condition`` holds; fail when it does not in time."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "this did not happen in time"
        time.sleep(0.05)


@pytest.fixture(name="wait_for")
def _wait_for() -> Callable[..., None]:
    return wait_for


@pytest.fixture(name="alive")
def _alive() -> Callable[[int], bool]:
    return alive


@pytest.fixture
def cli(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Cli]:
    folder = tmp_path / "work"
    folder.mkdir()
    started: list[Server] = []

    class Watched(Cli):
        def start(self, *arguments: object, **environ: str) -> Server:
            started.append(super().start(*arguments, **environ))
            return started[-1]

    yield Watched(folder)
    for server in started:
        pids = server.children() if server.process.poll() is None else []
        server.process.kill()
        server.process.wait()
        for pid in filter(alive, pids):
            os.kill(pid, signal.SIGKILL)
        _search_log(request, server)


def _search_log(request: pytest.FixtureRequest, server: Server) -> None:
    """Have the log searched for secrets, without what is printed to people."""
    plugin = request.config.pluginmanager.get_plugin("changemaker-log-secrets")
    lines = [line for line in server.printed().splitlines() if line.startswith("{")]
    plugin.read("\n".join(lines))


@dataclass(frozen=True)
class Made:
    """A site that ``init`` made, and its administrator."""

    folder: Path
    email: str
    password: str


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A site that ``init`` made, once: the tests work on copies."""
    done = Cli(tmp_path_factory.mktemp("made")).run("init", "site", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return Made(Path(told["site"]), told["admin_email"], told["admin_password"])


@pytest.fixture
def site(cli: Cli, made: Made) -> Made:
    folder = shutil.copytree(made.folder, cli.folder / "site")
    return Made(folder, made.email, made.password)


@pytest.fixture
def changemaker(site: Any) -> Any:
    """``changemaker("queues", "list")`` in this process, which has loaded the commands already."""
    alone = {"CHANGEMAKER_PLUGINS__DENY": "influence,admin"}

    def run(*words: object, stdin: str = "") -> Result:
        arguments = ["--site", str(site.folder), *map(str, words)]
        return CliRunner(env=alone).invoke(main, arguments, input=stdin)

    return run
