"""The larger example, as its author has it: built, laid down as pip does, its own tests run."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

EVENTS = Path(__file__).parents[2] / "examples" / "events"


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the built wheel is installed, beside everything else."""
    folder = tmp_path_factory.mktemp("events")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder]
    built = subprocess.run([*command, EVENTS], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "packages")
    return {**os.environ, "PYTHONPATH": str(folder / "packages")}


def _run(environ: dict[str, str], *command: object, cwd: Path) -> str:
    done = subprocess.run(
        [*map(str, command)], env=environ, cwd=cwd, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_own_tests_pass(environ: dict[str, str]) -> None:
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    _run(environ, *command, EVENTS / "tests", cwd=EVENTS)


def test_a_site_is_made_with_it_and_its_command_runs(
    environ: dict[str, str], tmp_path: Path
) -> None:
    changemaker = Path(sys.executable).with_name("changemaker")
    _run(environ, changemaker, "init", tmp_path / "site", "--yes", cwd=tmp_path)
    site = ("--site", tmp_path / "site")
    assert _run(environ, changemaker, *site, "events", "list", cwd=tmp_path) == ""
    checked = _run(environ, changemaker, *site, "migrations", "check", "events", cwd=tmp_path)
    assert checked == "Migrations and models agree.\n"
