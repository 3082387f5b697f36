"""The smallest plugin, built and laid down as pip does, in a site of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

HELLO = Path(__file__).parents[2] / "examples" / "hello"
VISIT = """
import asyncio, json, sys
from pathlib import Path
import httpx
from changemaker_core import Config, create_app

async def visit():
    app = create_app(Config.for_tests(Path(sys.argv[1]), plugins_allow=("hello",)))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:4000") as client:
        answer = await client.get("/api/hello")
    hello = app.site.loaded.plugin("hello")
    app.site.close()
    return {"status": answer.status_code, "body": answer.json(), "from": str(hello)}

print(json.dumps(asyncio.run(visit())))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the built wheel unpacked in it, which is what installing a wheel does."""
    folder = tmp_path_factory.mktemp("hello")
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        folder,
        HELLO,
    ]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "packages")
    return folder / "packages"


def test_it_greets(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", VISIT, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "status": 200,
        "body": {"hello": "world"},
        "from": "hello (changemaker-hello 0.1.0)",
    }
