"""The tutorial's plugin, as its author has it: built, laid down as pip does, its own tests run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.examples import installed, run_tests

ROOT = Path(__file__).parents[2]
PLEDGES = ROOT / "examples" / "pledges"
TUTORIAL = (ROOT / "docs" / "tutorial" / "first-plugin.md").read_text()
SHOWN = re.findall(r"^<!-- (\S+) -->\n+```\w+\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the built wheel is installed, beside everything else."""
    return installed(PLEDGES, tmp_path_factory.mktemp("pledges"))


def test_its_own_tests_pass(environ: dict[str, str]) -> None:
    run_tests(PLEDGES, environ)


def test_it_loads_beside_what_is_installed(environ: dict[str, str], tmp_path: Path) -> None:
    command = [Path(sys.executable).with_name("changemaker"), "plugins", "explain", "pledges"]
    done = subprocess.run(
        [*command, "--json"], env=environ, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "loaded"
    told = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True)
    assert "\nRoles\n  PLEDGES_ADMIN\n" in told.stdout


@pytest.mark.parametrize(("path", "text"), SHOWN, ids=[path for path, _ in SHOWN])
def test_the_tutorial_shows_it_as_it_is(path: str, text: str) -> None:
    assert text == (ROOT / path).read_text()


def test_the_tutorial_leaves_out_no_file() -> None:
    files = {
        str(file.relative_to(ROOT))
        for file in PLEDGES.rglob("*")
        if file.is_file() and file.stat().st_size and "__pycache__" not in file.parts
    }
    unshown = files - {path for path, _ in SHOWN} - {"examples/pledges/README.md"}
    assert not {path for path in unshown if ".pytest_cache" not in path}
