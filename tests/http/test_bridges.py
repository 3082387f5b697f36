"""Without the bridges, other versions of Falcon and uvicorn serve by what they document."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from packaging.requirements import Requirement

from changemaker_core.cli.doctor import doctor
from changemaker_core.http import falcon_bridge
from changemaker_core.server import web

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
PROGRAM = Path(__file__).parent / "programs" / "plain_site.py"


def test_bridges_are_in_use():
    assert (falcon_bridge.concern(), web.concern()) == (None, None)


@pytest.mark.parametrize(
    ("name", "tested"), [("falcon", falcon_bridge.TESTED), ("uvicorn", web.TESTED)]
)
def test_pyproject_asks_for_what_is_tested(name, tested):
    written = re.search(rf'"({name}>=[^"]+)"', PYPROJECT.read_text())[1]
    assert Requirement(written).specifier == Requirement(name + tested).specifier


@pytest.mark.parametrize("module", [falcon_bridge, web])
def test_another_version_is_a_concern(monkeypatch, module):
    monkeypatch.setattr(module, "TESTED", "<0.1")
    assert "is not one of the tested versions (<0.1)" in module.concern()


def test_doctor_reports_it(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert "uvicorn" not in CliRunner().invoke(doctor).output
    monkeypatch.setattr(web, "TESTED", "<0.1")
    assert "WARNING  libraries: uvicorn" in CliRunner().invoke(doctor).output


def test_a_missing_name_is_a_concern(monkeypatch):
    monkeypatch.setattr(falcon_bridge, "_PRIVATE", ("_asgi_headers", "_gone"))
    assert "lacks _gone" in falcon_bridge.concern()


@pytest.fixture
def plain_site(tmp_path):
    """The process of a site without bridges, and a client for it."""
    command = [sys.executable, PROGRAM, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = int(process.stdout.readline())
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
                yield process, client
        finally:
            process.kill()


def test_a_site_serves_without_the_bridges(plain_site):
    process, client = plain_site
    first, again = (client.get("/api/greetings") for _ in range(2))
    assert first.json() == again.json() == {"runs": 1}
    assert first.headers["cache-control"] == "no-cache"
    known = client.get("/api/greetings", headers={"If-None-Match": first.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    head = client.head("/api/greetings", headers={"Cookie": "session=1"})
    assert head.headers["content-length"] == str(len(b'{"runs":2}'))

    posted = client.post("/api/greetings", json={"name": "Ada"})
    assert (posted.status_code, posted.json()) == (201, {"hello": "Ada"})
    assert client.post("/api/greetings", json={}).json()["code"] == "validation_failed"
    assert client.delete("/api/greetings").json()["code"] == "not_found"
    assert client.put("/api/greetings").json()["code"] == "method_not_allowed"
    streamed = client.get("/api/greetings/stream")
    assert streamed.text == "one two"
    assert streamed.headers["transfer-encoding"] == "chunked"

    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_a_head_without_end_is_refused_without_the_bridges(plain_site):
    _, client = plain_site
    try:
        status = client.get("/api/greetings", headers={"X-Long": "x" * 200_000}).status_code
    except httpx.NetworkError:  # the rest of it was not read any more
        status = 400
    assert status == 400
