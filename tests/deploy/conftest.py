"""A site whose deployment is written, without serving it."""

from __future__ import annotations

import os
from dataclasses import dataclass

import pytest

from changemaker_core.cli import main
from changemaker_core.testing.server import OperatedSite


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A site made by ``changemaker init``."""
    site = OperatedSite(tmp_path_factory.mktemp("deploy") / "site")
    site.make()
    return site


@pytest.fixture
def run(made, capsys, monkeypatch):
    """``run("nginx", "--split", …)``: ``changemaker deploy`` in this process, to its end."""
    for name in [name for name in os.environ if name.startswith("CHANGEMAKER_")]:
        monkeypatch.delenv(name)

    def deploy(*arguments, **environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main.main(["--site", str(made.folder), "deploy", *map(str, arguments)])
        return Done(ended.value.code or 0, *capsys.readouterr())

    return deploy


@pytest.fixture
def deployed(run, tmp_path):
    """``deployed("nginx", "--split", …)``: the files that were written, by name."""

    def deploy(target, *options, **environment):
        folder = tmp_path / target
        done = run(target, "--into", folder, *options, **environment)
        assert done.returncode == 0, done.stderr
        return {path.name: path for path in folder.iterdir()}

    return deploy
