"""Examples as their authors have them: built, laid down as pip does, with their own tests."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def installed(example: Path, folder: Path) -> dict[str, str]:
    """Return an environment in which the example's wheel is installed, beside everything else."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    built = subprocess.run([*command, str(example)], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "packages")
    return {**os.environ, "PYTHONPATH": str(folder / "packages")}


def run_tests(example: Path, environment: dict[str, str]) -> None:
    """Run the example's own tests, which must pass."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, str(example / "tests")],
        env=environment,
        cwd=example,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
