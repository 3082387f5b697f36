"""The built wheels: what is in them, and that they alone give a working site."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
import venv
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "changemaker_admin": ROOT / "plugins" / "admin",
    "changemaker_core": ROOT,
    "changemaker_deploy": ROOT / "plugins" / "deploy",
    "changemaker_influence": ROOT / "plugins" / "influence",
}
#: What each wheel holds beside its modules.
_EVERY = (r"^\w+/py\.typed$", r"\.dist-info/licenses/LICENSE$", r"\.dist-info/entry_points\.txt$")
_PLUGIN = (
    r"/templates/.+\.html$",
    r"/static/.+\.css$",
    r"/locale/fr/LC_MESSAGES/\w+\.po$",
    r"/migrations/0001_\w+\.py$",
)
FILES = {
    "changemaker_admin": (*_EVERY, r"/templates/.+\.html$", r"/locale/fr/LC_MESSAGES/\w+\.po$"),
    "changemaker_core": (*_EVERY, *_PLUGIN),
    "changemaker_deploy": (*_EVERY, r"/templates/nginx\.conf\.j2$"),
    "changemaker_influence": (*_EVERY, *_PLUGIN),
}
PATIENCE = 120.0

pytestmark = pytest.mark.packaging


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each distribution's wheel, built with the hatchling that is installed here."""
    into = tmp_path_factory.mktemp("wheels")
    for folder in PACKAGES.values():
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", into]
        done = subprocess.run([*command, folder], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return {path.name.split("-")[0]: path for path in into.glob("*.whl")}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_wheel_holds_what_its_source_holds(wheels: dict[str, Path], package: str) -> None:
    source = PACKAGES[package]
    with zipfile.ZipFile(wheels[package]) as wheel:
        packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", package],
        cwd=source,
        capture_output=True,
        text=True,
        check=True,
    )
    assert packed == {name for name in listed.stdout.splitlines() if (source / name).exists()}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_wheel_holds_every_kind_of_file(wheels: dict[str, Path], package: str) -> None:
    with zipfile.ZipFile(wheels[package]) as wheel:
        names = wheel.namelist()
    for pattern in FILES[package]:
        assert [name for name in names if re.search(pattern, name)], pattern
    assert not [name for name in names if re.search(r"(^|/)(tests?|docs|\.ci)/", name)]


class Installed:
    """An empty environment into which only the wheels, and what they declare, are installed."""

    def __init__(self, folder: Path, wheels: dict[str, Path]) -> None:
        venv.create(folder / "venv", with_pip=True)
        self.folder = folder
        self.bin = folder / "venv" / "bin"
        command = [self.bin / "python", "-m", "pip", "install", "-q"]
        done = subprocess.run([*command, *wheels.values()], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def environ(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("CHANGEMAKER", "PYTHON"))}
        return {**kept, "PYTHONUNBUFFERED": "1"}

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [self.bin / "changemaker", *arguments],
            cwd=self.folder,
            env=self.environ(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, wheels: dict[str, Path]) -> Installed:
    return Installed(tmp_path_factory.mktemp("installed"), wheels)


@pytest.fixture(scope="module")
def site(installed: Installed) -> dict[str, str]:
    told: dict[str, str] = json.loads(installed.run("init", "site", "--yes", "--json"))
    return told


@pytest.fixture(scope="module")
def address(installed: Installed, site: dict[str, str]) -> Iterator[str]:
    command = [installed.bin / "changemaker", "--site", site["site"], "serve", "--port", "0"]
    process = subprocess.Popen(
        command, cwd=installed.folder, env=installed.environ(), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process, process.stdout:
        first = process.stdout.readline()
        yield first.strip().rpartition(" ")[2]
        process.terminate()
        assert process.wait(PATIENCE) == 0


def _get(url: str) -> tuple[int, Any, str]:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310
        return answer.status, answer.headers, answer.read().decode(errors="replace")


def test_nothing_of_the_checkout_is_used(installed: Installed) -> None:
    names = " ".join(PACKAGES)
    code = f"for name in '{names}'.split(): print(__import__(name).__file__)"
    done = subprocess.run(
        [installed.bin / "python", "-c", code],
        cwd=installed.folder,
        env=installed.environ(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert all(str(installed.folder) in path for path in done.stdout.split())


def test_migrate_finds_every_distributions_migrations(
    installed: Installed, site: dict[str, str], tmp_path: Path
) -> None:
    assert json.loads(installed.run("--site", site["site"], "migrate", "--json")) == []
    (copy := tmp_path / "site").mkdir()
    for name in ("changemaker.toml", ".env"):
        (copy / name).write_bytes((Path(site["site"]) / name).read_bytes())
    steps = json.loads(installed.run("--site", str(copy), "migrate", "--json"))
    assert {"core", "accounts", "influence"} <= {step["plugin"] for step in steps}


def test_a_wheels_command_is_added_to_cores(installed: Installed, site: dict[str, str]) -> None:
    assert "(changemaker-deploy 0.1.0)." in " ".join(installed.run("--help").split())
    assert "proxy_pass" in installed.run("--site", site["site"], "deploy", "nginx")


def test_pages_are_served_in_both_languages(address: str) -> None:
    for language in ("en", "fr"):
        request = urllib.request.Request(  # noqa: S310
            f"{address}/campaigns", headers={"Accept-Language": language}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            assert f'<html lang="{language}"' in answer.read().decode()


def test_the_static_files_of_a_page_are_served(address: str) -> None:
    _, _, page = _get(f"{address}/campaigns")
    paths = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page))
    assert {path.split("/")[3] for path in paths} >= {"core", "influence"}
    for path in paths:
        status, headers, body = _get(address + path.replace("&amp;", "&"))
        assert status == 200
        assert body
        assert "immutable" in headers["Cache-Control"]
