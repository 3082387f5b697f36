"""How many processes ``serve`` runs, how much memory each may use, and when it reloads them."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from changemaker_core.server import capacity, supervisor
from changemaker_core.server.spec import ProcessSpec


class Grown(ProcessSpec):
    """A process that uses some megabytes until it is told to end."""

    def command(self, *, ready: int, alive: int) -> list[str]:
        lines = ["import os, time", f"os.write({ready}, b'+')", "time.sleep(60)"]
        return [sys.executable, "-I", "-S", "-c", "\n".join(lines)]


@pytest.mark.parametrize(("most", "least_seconds"), [(2**20, 0.2), (2**20, 60.0), (2**40, 0.0)])
async def test_a_web_process_that_uses_too_much_memory_is_replaced(
    monkeypatch: pytest.MonkeyPatch, most: int, least_seconds: float
) -> None:
    """Once it has run for a while; the job runner is not: its jobs would start again."""
    monkeypatch.setattr(supervisor, "MEMORY_SECONDS", 0.1)
    monkeypatch.setattr(supervisor, "LEAST_SECONDS", least_seconds)
    messages: list[str] = []

    def stop_after(message: str) -> None:
        messages.append(message)
        if len(messages) == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        supervised = supervisor.Supervisor(
            [Grown(kind="web", site=""), Grown(kind="jobs", site="")],
            listening=listening,
            announce=lambda: None,
            warn=stop_after,
            max_memory=most,
        )
        running = asyncio.create_task(supervised.run())
        _, waiting = await asyncio.wait([running], timeout=60 if least_seconds == 0.2 else 1)
        if waiting:
            os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(running, 60) == 0
    if least_seconds == 0.2:
        assert [re.sub(r"\d+ MB of", "N MB of", message) for message in messages[:2]] == [
            "The web process 1 uses N MB of memory, more than 1 MB: replacing it."
        ] * 2
    else:
        assert messages == []


class Failing(ProcessSpec):
    """A process that uses some megabytes, and whose successors cannot start."""

    def command(self, *, ready: int, alive: int) -> list[str]:
        started = Path(self.site)
        if started.exists():
            return [sys.executable, "-I", "-S", "-c", "raise SystemExit(1)"]
        started.touch()
        return Grown(kind="web", site="").command(ready=ready, alive=alive)


async def test_a_successor_that_cannot_start_is_not_tried_at_once_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """(!) Each try loads the whole site, which a machine without memory can least afford."""
    monkeypatch.setattr(supervisor, "MEMORY_SECONDS", 0.05)
    monkeypatch.setattr(supervisor, "LEAST_SECONDS", 1.0)
    tried: list[float] = []

    def stop_after(message: str) -> None:
        if "replacing it" in message:
            tried.append(asyncio.get_running_loop().time())
        if len(tried) == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        supervised = supervisor.Supervisor(
            [Failing(kind="web", site=str(tmp_path / "started"))],
            listening=listening,
            announce=lambda: None,
            warn=stop_after,
            max_memory=2**20,
        )
        assert await asyncio.wait_for(supervised.run(), 60) == 0
    assert tried[1] - tried[0] >= 1.0 and tried[2] - tried[1] >= 1.0


@pytest.mark.parametrize(
    ("written", "size"), [("512M", 512 * 2**20), ("1g", 2**30), ("2 GiB", 2**31), ("64kb", 2**16)]
)
def test_sizes(written: str, size: int) -> None:
    assert capacity.parse_size(written) == size


@pytest.mark.parametrize(
    "written", ["", "512", "M", "0.5G", "-1M", "0M", "00G", "1T", "\u0661M\u0662"]
)
def test_what_is_no_size(written: str) -> None:
    with pytest.raises(ValueError, match="512M"):
        capacity.parse_size(written)


@pytest.mark.parametrize(
    ("quotas", "own", "workers"),
    [
        ({"": "max 100000"}, "0::/", 3),
        ({"": "150000 100000"}, "0::/", 2),
        ({"": "5000 100000"}, "0::/", 1),
        ({"": ""}, "0::/", 3),
        # A service's own group is below, and a slice around it may have less.
        ({"system.slice/a.service": "200000 100000"}, "1:x:/\n0::/system.slice/a.service", 2),
        (
            {"system.slice": "100000 100000", "system.slice/a.service": "200000 100000"},
            "0::/system.slice/a.service",
            1,
        ),
        ({"": "200000 100000"}, "0::/../outside", 2),
        ({"": "200000 100000"}, "", 2),
        ({}, "0::/gone", 3),
    ],
)
def test_as_many_workers_as_processors(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    quotas: dict[str, str],
    own: str,
    workers: int,
) -> None:
    """A container or service may have less than the machine."""
    for group, quota in quotas.items():
        (tmp_path / group).mkdir(parents=True, exist_ok=True)
        (tmp_path / group / "cpu.max").write_text(quota)
    (tmp_path / "own").write_text(own)
    monkeypatch.setattr(capacity, "_GROUPS", tmp_path)
    monkeypatch.setattr(capacity, "_OWN_GROUP", tmp_path / "own")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2}, raising=False)
    assert capacity.usable_processors() == workers


@pytest.mark.parametrize(
    "arguments",
    [
        ("--workers", "0"),
        ("--workers", "many"),
        ("--max-memory", "lots"),
        ("--workers", "2", "--reload"),
    ],
)
def test_wrong_numbers_of_processes_and_sizes_are_refused(
    cli: Any, site: Any, arguments: tuple[str, ...]
) -> None:
    result = cli.run("serve", "--site", site.folder, *arguments)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert arguments[0] in result.stderr


def test_reload_takes_over_changes_and_survives_mistakes(
    cli: Any, site: Any, wait_for: Any, tmp_path: Path
) -> None:
    """A plugin's file with a mistake in it leaves the code from before, until it is mended."""
    source = tmp_path / "source" / "hello.py"
    source.parent.mkdir()
    code = textwrap.dedent(
        """
        from changemaker_core import Plugin, Route, endpoint, hookimpl

        class Hello:
            @endpoint(public=True)
            async def on_get(self, req, resp):
                return {"hello": "first"}

        class HelloPlugin(Plugin):
            name = "hello"

            @hookimpl
            def cm_register_routes(self):
                return [Route("/api/hello", Hello())]
        """
    )
    source.write_text(code)
    info = source.parent / "changemaker_hello-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: changemaker-hello\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[changemaker.plugins]\nhello = hello:HelloPlugin\n")
    (info / "direct_url.json").write_text('{"url": "", "dir_info": {"editable": true}}')
    options = ("--port", 0, "--no-runner", "--reload")
    server = cli.start("serve", "--site", site.folder, *options, PYTHONPATH=str(source.parent))

    def says(word: str) -> bool:
        status, body = server.get("/api/hello")[:2]
        return status == 200 and word in str(body)

    server.address()
    wait_for(lambda: says("first"))
    source.write_text(code.replace('"first"', "mistake("))
    wait_for(lambda: "the old ones continue" in server.printed())
    assert says("first")
    source.write_text(code.replace("first", "second"))
    wait_for(lambda: says("second"))
    server.signal(signal.SIGTERM)
    assert server.end() == 0
