"""The site inside other frameworks, as the guide mounts it: in a real server, with a browser."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from changemaker_core.testing.ports import free_port
from tests.bench import processes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core.testing.fixtures.browser import OpenPage

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
FRAMEWORKS = ("starlette", "fastapi", "django", "falcon")
PLUGIN = """
import asyncio

from changemaker_core import EventStream, Plugin, Route, endpoint, hookimpl


async def ticks():
    for number in range(1000):
        yield {"tick": number}
        await asyncio.sleep(0.2)


class Ticks:
    @endpoint(public=True)
    async def on_get(self, req, resp):
        return EventStream(ticks())


class TickerPlugin(Plugin):
    name = "ticker"

    @hookimpl
    def cm_register_routes(self):
        return [Route("/ticks", Ticks())]
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A demonstration site and one more plugin: the environment that serves it, and its account."""
    folder = tmp_path_factory.mktemp("embedded")
    package = folder / "packages" / "changemaker_ticker"
    info = folder / "packages" / "changemaker_ticker-1.0.dist-info"
    for each in (package, info):
        each.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "plugin.py").write_text(PLUGIN)
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: changemaker-ticker\nVersion: 1.0\n"
    )
    points = "[changemaker.plugins]\nticker = changemaker_ticker.plugin:TickerPlugin\n"
    (info / "entry_points.txt").write_text(points)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CHANGEMAKER_")}
    environ = kept | {"PYTHONPATH": str(folder / "packages"), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-P", "-c", "from changemaker_core.cli import main; main()"]
    made = subprocess.run(
        [*command, "init", str(folder / "site"), "--yes", "--json"],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    account = json.loads(made.stdout)
    environ["CHANGEMAKER_SITE"] = account["site"]
    return {**environ, "EMAIL": account["admin_email"], "PASSWORD": account["admin_password"]}


class Host:
    """A running host application."""

    def __init__(self, process: subprocess.Popen[str], origin: str, log: Path) -> None:
        self.process, self.origin, self.log = process, origin, log

    def get(self, path: str) -> tuple[int, str]:
        with urllib.request.urlopen(self.origin + path, timeout=90) as response:  # noqa: S310
            return response.status, response.read().decode()


def _serving(
    module: str, folder: Path, site: dict[str, str], log: Path, *options: str
) -> Iterator[Host]:
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    environ = {**site, "CHANGEMAKER_BASE_URL": f"{origin}/act"}
    command = [sys.executable, "-m", "uvicorn", f"{module}:app", "--app-dir", folder]
    command += ["--port", port, "--timeout-graceful-shutdown", 3, *options]
    with log.open("w") as out:
        process = processes.start(command, env=environ, stdout=out, stderr=out)
    try:
        processes.wait_until(lambda: "Uvicorn running" in log.read_text())
        yield Host(process, origin, log)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(params=FRAMEWORKS)
def host(request: Any, site: dict[str, str], tmp_path: Path) -> Iterator[Host]:
    yield from _serving(f"embed_{request.param}", EXAMPLES, site, tmp_path / "log")


@pytest.mark.browser
def test_pages_forms_sessions_and_static_files(
    host: Host, site: dict[str, str], open_page: OpenPage
) -> None:
    failed: list[str] = []
    page = open_page()
    page.on("response", lambda r: failed.append(r.url) if r.status >= 400 else None)
    page.goto(f"{host.origin}/act/sign-in?next=/account/sessions")
    asked = {e["name"] for e in json.loads(page.evaluate(ENTRIES)) if "/static/" in e["name"]}
    assert asked and all(url.startswith(f"{host.origin}/act/static/") for url in asked)
    page.fill("input[name=email]", site["EMAIL"])
    page.fill("input[name=password]", site["PASSWORD"])
    page.click("main button[type=submit], form button")
    page.wait_for_url(re.compile(r"/act/admin$"))
    cookies = {cookie["name"]: cookie["path"] for cookie in page.context.cookies()}
    assert "cm_session" in cookies
    assert failed == []


ENTRIES = "JSON.stringify(performance.getEntriesByType('resource'))"


def test_prefix_streams_and_the_end(host: Host) -> None:
    """The host keeps its own pages, and the site its prefix; streams flow, and the server stops."""
    assert "the host's own page" in host.get("/")[1]
    assert json.loads(host.get("/act/api/health")[1])["status"] in ("ok", "warning")
    assert "lifespan was not run" not in host.log.read_text()
    with urllib.request.urlopen(f"{host.origin}/act/ticks", timeout=90) as stream:  # noqa: S310
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = [stream.readline() for _ in range(6)]
        assert b'data: {"tick":0}\n' in lines
        host.process.send_signal(signal.SIGTERM)
        assert host.process.wait(20) in (0, -signal.SIGTERM)  # uvicorn passes the signal on
    assert "Cancel 1 running task(s)" in host.log.read_text()


def test_a_lifespan_that_was_not_run_is_one_error(site: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "forgetful.py").write_text(
        "from changemaker_core import Config, create_app\n"
        "site = create_app(Config.load())\n\n"
        "async def app(scope, receive, send):\n"
        "    if scope['type'] == 'http':\n"
        "        await site(scope, receive, send)\n"
    )
    for host in _serving("forgetful", tmp_path, site, tmp_path / "log", "--lifespan", "off"):
        for _ in range(3):
            host.get("/sign-in")
        time.sleep(0.2)
        assert host.log.read_text().count("the site's lifespan was not run") == 1


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_guide_shows_what_is_tested(framework: str) -> None:
    guide = (ROOT / "docs" / "guides" / "mount.md").read_text()
    code = (EXAMPLES / f"embed_{framework}.py").read_text().split('"""\n\n', 1)[1]
    assert f"```python\n{code}```" in guide
