"""``serve``: its processes, signals and refusals, with real processes and sockets."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import pytest

from changemaker_core.server import supervisor
from changemaker_core.server.spec import CLOSING_SECONDS, ProcessSpec

#: The body of a request that takes its time: a client sends the rest when it likes.
BODY = b'{"email": "someone@example.org", "password": "no one knows"}'


@pytest.fixture
def server(cli: Any, site: Any) -> Any:
    """A site served by two web processes and a runner."""
    server = cli.start("serve", "--site", site.folder, "--port", 0, "--workers", 2)
    server.address()
    return server


def _all_up(server: Any) -> bool:
    return len(server.children_of("web")) == 2 and len(server.children_of("jobs")) == 1


def test_it_answers_once_it_prints_its_address(server: Any, site: Any) -> None:
    assert server.get("/api/health")[0] == 200
    assert str(site.folder) in server.printed()
    assert "No mail leaves this site" in server.printed()
    assert "links in mail lead to http://127.0.0.1:4000: write base_url" in server.printed()


def test_sigterm_ends_it_and_its_processes(server: Any, wait_for: Any, alive: Any) -> None:
    wait_for(lambda: _all_up(server))
    pids = server.children()
    server.signal(signal.SIGTERM)
    assert server.end() == 0
    assert not [pid for pid in pids if alive(pid)]
    assert "Traceback" not in server.printed()
    # All but the announcement is the log, whose every line is JSON where no terminal shows it.
    announced, *logged = server.printed().splitlines()
    assert announced.startswith("Serving ")
    assert {json.loads(line)["level"] for line in logged} <= {"INFO", "WARNING"}
    assert json.loads(logged[-1])["message"] == "Stopped."


def test_a_signal_during_start_up_ends_it(cli: Any, site: Any, wait_for: Any) -> None:
    server = cli.start("serve", "--site", site.folder, "--port", 0)
    wait_for(lambda: server.children_of("web") != [])
    server.signal(signal.SIGINT)
    assert server.end() == 0
    assert "http://" not in server.printed()


@pytest.mark.parametrize("command", ["serve", "demo"])
@pytest.mark.parametrize("port", [80_000, -1, 65_536])
def test_a_port_that_does_not_exist_is_refused(cli: Any, command: str, port: int) -> None:
    refused = cli.run(command, "--port", port)
    assert refused.returncode == 2
    assert "0<=x<=65535" in refused.stderr


def test_an_open_request_is_finished_before_it_ends(server: Any) -> None:
    host, port = server.address().removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n")
        time.sleep(0.3)
        server.signal(signal.SIGTERM)
        time.sleep(0.3)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, int(port)))
        assert server.end() == 0


def _begin_request(server: Any) -> socket.socket:
    """Send the first bytes of ``BODY``, and wait until they are read."""
    host, port = server.address().removeprefix("http://").split(":")
    client = socket.create_connection((host, int(port)), timeout=30)
    head = f"POST /api/auth/login HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    # A server that reads a body asks for it.
    head += f"Expect: 100-continue\r\nContent-Length: {len(BODY)}\r\n\r\n"
    client.sendall(head.encode())
    assert client.recv(100).startswith(b"HTTP/1.1 100 ")
    client.sendall(BODY[:10])
    return client


def test_requests_in_progress_get_the_time_to_drain(cli: Any, site: Any) -> None:
    """The option takes precedence; the supervisor waits as long as its processes."""
    options = ("serve", "--site", site.folder, "--port", 0, "--drain", 60)
    server = cli.start(*options, CHANGEMAKER_DRAIN_SECONDS="1")
    with _begin_request(server) as client:
        server.signal(signal.SIGTERM)
        time.sleep(4)  # longer than a drain of one second, and what follows it
        assert server.process.poll() is None
        client.sendall(BODY[10:])
        assert client.recv(100).startswith(b"HTTP/1.1 401 ")
        assert server.end() == 0


def test_a_request_that_takes_longer_ends_quietly(cli: Any, site: Any) -> None:
    server = cli.start("serve", "--site", site.folder, "--port", 0, CHANGEMAKER_DRAIN_SECONDS="1")
    with _begin_request(server) as client:
        server.signal(signal.SIGTERM)
        assert server.end() == 0
        assert client.recv(100) == b""
    assert "1 requests did not finish in time" in server.printed()
    assert "Traceback" not in server.printed()
    assert "Aborted" not in server.printed()


def test_a_process_that_dies_is_replaced_while_an_old_one_finishes(
    cli: Any, site: Any, wait_for: Any, alive: Any
) -> None:
    server = cli.start("serve", "--site", site.folder, "--port", 0, "--drain", 60)
    server.address()
    wait_for(lambda: server.children_of("jobs") != [])
    (old,), runner = server.children_of("web"), server.children_of("jobs")
    with _begin_request(server) as client:
        server.signal(signal.SIGHUP)
        wait_for(lambda: server.children_of("jobs") not in ([], runner))  # the last to be replaced
        (new,) = set(server.children_of("web")) - {old}
        os.kill(new, signal.SIGKILL)
        wait_for(lambda: len(set(server.children_of("web")) - {old, new}) == 1)
        assert server.get("/api/health")[0] == 200
        client.sendall(BODY[10:])
        assert client.recv(100).startswith(b"HTTP/1.1 401 ")
        wait_for(lambda: not alive(old))


@pytest.mark.parametrize("kind", ["web", "jobs"])
def test_a_process_that_is_still_loading_ends_at_once(cli: Any, site: Any, kind: Any) -> None:
    """It waits for a database that accepts connections, and never says a word."""
    (alive, held), (reading, ready) = os.pipe(), os.pipe()
    spec = ProcessSpec(kind=kind, site=str(site.folder))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        url = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/none"
        environment = cli.environment(CHANGEMAKER_DATABASE_URL=url, CHANGEMAKER_JOBS_NICENESS="0")
        command = spec.command(ready=ready, alive=alive)
        with subprocess.Popen(command, env=environment, pass_fds=(ready, alive)) as process:
            try:
                with silent.accept()[0]:
                    process.terminate()
                    assert process.wait(30) == -signal.SIGTERM
            finally:
                process.kill()
    for descriptor in (alive, held, reading, ready):
        os.close(descriptor)


def test_a_dead_web_process_is_replaced(server: Any, wait_for: Any) -> None:
    wait_for(lambda: _all_up(server))
    victim = server.children_of("web")[0]
    os.kill(victim, signal.SIGKILL)
    assert server.get("/api/health")[0] == 200
    wait_for(lambda: _all_up(server) and victim not in server.children())
    assert "SIGKILL" in server.printed()


def test_a_dead_runner_is_replaced(server: Any, wait_for: Any) -> None:
    wait_for(lambda: _all_up(server))
    (victim,) = server.children_of("jobs")
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: _all_up(server) and victim not in server.children())


def test_no_process_outlives_a_killed_supervisor(server: Any, wait_for: Any, alive: Any) -> None:
    wait_for(lambda: _all_up(server))
    pids = server.children()
    server.signal(signal.SIGKILL)
    server.end()
    wait_for(lambda: not [pid for pid in pids if alive(pid)])


def test_the_runner_lets_visitors_have_the_processor_first(server: Any, wait_for: Any) -> None:
    wait_for(lambda: _all_up(server))
    (runner,) = server.children_of("jobs")
    web = server.children_of("web")
    wait_for(lambda: _niceness(runner) == _niceness(web[0]) + 5)
    assert _niceness(web[0]) == _niceness(web[1]) == os.getpriority(os.PRIO_PROCESS, 0)
    session = Path(f"/proc/{runner}/autogroup")
    if session.exists() and "autogroup" in session.read_text():
        wait_for(lambda: session.read_text().split()[-1] == "5")


def _niceness(pid: int) -> int:
    return os.getpriority(os.PRIO_PROCESS, pid)


def _roll(server: Any, wait_for: Any) -> None:
    """Replace every process; the new ones all work once the old ones are gone."""
    wait_for(lambda: _all_up(server))
    before = set(server.children())
    server.signal(signal.SIGHUP)

    def replaced() -> bool:
        assert server.get("/api/health/live")[0] == 200
        return _all_up(server) and not before & set(server.children())

    wait_for(replaced)


def test_sighup_replaces_every_process_without_refusing(
    server: Any, site: Any, wait_for: Any
) -> None:
    """And the new ones have the configuration as it is now."""
    with (site.folder / ".env").open("a") as file:
        file.write("CHANGEMAKER_BASE_URL=http://127.0.0.1:4999\n")
    assert "127.0.0.1:4999" not in server.get("/robots.txt")[1]
    _roll(server, wait_for)
    assert "http://127.0.0.1:4999/sitemap.xml" in server.get("/robots.txt")[1]
    assert "Traceback" not in server.printed()


def test_a_roll_to_a_wrong_configuration_keeps_the_old_processes(
    server: Any, site: Any, wait_for: Any
) -> None:
    _roll(server, wait_for)
    before = set(server.children())
    with (site.folder / ".env").open("a") as file:
        file.write("CHANGEMAKER_DEVELOPMENT=perhaps\n")
    server.signal(signal.SIGHUP)
    wait_for(lambda: "the old ones continue" in server.printed())
    assert set(server.children()) == before
    assert server.get("/api/health")[0] == 200


def test_a_port_in_use_is_said(cli: Any, site: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = cli.run("serve", "--site", site.folder, "--port", port)
    assert done.returncode == 1
    assert f"Port {port} of 127.0.0.1 is already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_configuration_is_said_once(cli: Any, site: Any) -> None:
    done = cli.run(
        *("serve", "--site", site.folder, "--port", 0, "--workers", 3),
        CHANGEMAKER_BASE_ULR="https://eau.example",
    )
    assert done.returncode == 1
    assert done.stderr.count("CHANGEMAKER_BASE_ULR") == 1
    assert "Traceback" not in done.stderr


def test_a_second_signal_waits_for_nothing(
    cli: Any, site: Any, server: Any, wait_for: Any, alive: Any
) -> None:
    wait_for(lambda: _all_up(server))
    pids = server.children()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    server.signal(signal.SIGTERM)
    time.sleep(0.3)
    assert server.process.poll() is None
    server.signal(signal.SIGTERM)
    assert server.end() == 128 + signal.SIGTERM
    assert not [pid for pid in pids if alive(pid)]


def test_a_replacement_that_refuses_does_not_stop_one_that_works(
    server: Any, site: Any, wait_for: Any
) -> None:
    _roll(server, wait_for)
    with (site.folder / ".env").open("a") as file:
        file.write("CHANGEMAKER_DEVELOPMENT=perhaps\n")
    os.kill(server.children_of("web")[0], signal.SIGKILL)
    wait_for(lambda: "CHANGEMAKER_DEVELOPMENT" in server.printed())
    wait_for(lambda: "status 78" in server.printed())
    assert server.get("/api/health/live")[0] == 200


def test_the_last_of_its_kind_that_refuses_stops_the_whole(
    server: Any, site: Any, wait_for: Any
) -> None:
    _roll(server, wait_for)
    with (site.folder / ".env").open("a") as file:
        file.write("CHANGEMAKER_DEVELOPMENT=perhaps\n")
    os.kill(server.children_of("jobs")[0], signal.SIGKILL)
    assert server.end() == 1
    assert server.printed().count("CHANGEMAKER_DEVELOPMENT") == 1


class SlowToStop(ProcessSpec):
    """A process that goes on for a second after SIGTERM."""

    def command(self, *, ready: int, alive: int) -> list[str]:
        lines = [
            "import os, signal, time",
            "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(1), os._exit(0)))",
            f"os.write({ready}, b'+')",
            "time.sleep(60)",
        ]
        return [sys.executable, "-I", "-S", "-c", "\n".join(lines)]


@pytest.mark.parametrize(
    ("grace", "message"),
    [
        (60, "Waiting for requests in progress, 60 s at most. A second signal stops at once."),
        (0.5, "Aborted what did not finish within 0.5 s."),
    ],
)
async def test_the_operator_is_told_of_a_long_stop(
    monkeypatch: pytest.MonkeyPatch, grace: float, message: str
) -> None:
    monkeypatch.setattr(supervisor, "SILENT_SECONDS", 0.1 if grace > 1 else 30)
    spec = SlowToStop(kind="web", site="", drain=grace - CLOSING_SECONDS)
    messages: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        supervised = supervisor.Supervisor(
            [spec],
            listening=listening,
            announce=lambda: os.kill(os.getpid(), signal.SIGTERM),
            warn=messages.append,
        )
        assert await asyncio.wait_for(supervised.run(), 60) == 0
    assert messages == [message]


class CannotFork(ProcessSpec):
    """A process that works until it is told to end, or ends at once; the machine has no room for
    the second and third one."""

    starts: ClassVar[list[float]] = []

    def command(self, *, ready: int, alive: int) -> list[str]:
        self.starts.append(time.monotonic())
        if len(self.starts) in (2, 3):
            raise BlockingIOError(errno.EAGAIN, "no room")
        if len(self.starts) > 3:
            os.kill(os.getpid(), signal.SIGTERM)
        end = "" if self.site == "ends" else "time.sleep(60)"
        lines = ["import os, time", f"os.write({ready}, b'+')", end]
        return [sys.executable, "-I", "-S", "-c", "\n".join(lines)]


async def test_a_process_that_cannot_be_started_is_started_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_DELAY", 0.01)
    monkeypatch.setattr(CannotFork, "starts", [])
    messages: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        supervised = supervisor.Supervisor(
            [CannotFork(kind="web", site="ends")],
            listening=listening,
            announce=lambda: None,
            warn=messages.append,
        )
        assert await asyncio.wait_for(supervised.run(), 60) == 0
    name = "The web process 1"
    no_room = "could not be started ([Errno 11] no room)"
    assert messages == [
        f"{name} ended with status 0; restarting it in 0.01 s.",
        f"{name} {no_room}; restarting it in 0.02 s.",
        f"{name} {no_room}; restarting it in 0.04 s.",
    ]


async def test_a_reload_without_room_for_a_process_leaves_the_old_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(CannotFork, "starts", [])
    messages: list[str] = []

    def warn(message: str) -> None:
        messages.append(message)
        if "no room" in message:
            os.kill(os.getpid(), signal.SIGTERM)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        supervised = supervisor.Supervisor(
            [CannotFork(kind="web", site="")],
            listening=listening,
            announce=lambda: os.kill(os.getpid(), signal.SIGHUP),
            warn=warn,
        )
        assert await asyncio.wait_for(supervised.run(), 60) == 0
    no_room = "could not be started ([Errno 11] no room)"
    assert messages == [f"The new web process 1 {no_room}; the old ones continue."]
