"""A site with one plugin of its own, whose deployment is generated without serving it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass

import pytest
from hypothesis import settings

from changemaker_core.cli import main
from changemaker_core.testing.left_out import leave_out
from changemaker_core.testing.server import OperatedSite

# How long an example takes says more about the machine than about the code.
settings.register_profile("changemaker", deadline=None)
settings.load_profile("changemaker")

PLUGIN = """
import os

from changemaker_core import Job, Metric, Plugin, Route, endpoint, hookimpl


def note_niceness(run):
    run.child(["true"], seconds=30, memory=2**31, file_bytes=2**20)
    folder = run.site.folder("petitions")
    (folder / "noted").write_text(str(os.getpriority(os.PRIO_PROCESS, 0)))
    (folder / "noted").rename(folder / "niceness")


class Petitions:
    @endpoint(public=True)
    async def on_get(self, req, resp, **params):
        return {}

    @endpoint(public=True, status=202)
    async def on_post(self, req, resp, **params):
        await req.site.db.write(lambda tx: tx.enqueue("petitions.note", {}))
        return {}


class PetitionsPlugin(Plugin):
    name = "petitions"

    @hookimpl
    def cm_register_routes(self):
        return [Route("/petitions", Petitions()), Route("/petitions/{slug}", Petitions())]

    @hookimpl
    def cm_register_jobs(self):
        return [Job("petitions.note", note_niceness)]

    @hookimpl
    def cm_register_metrics(self):
        labels = ("language",)
        return [Metric("cm_petitions_signed_total", "Signatures", labels=labels, read=list)]
"""


def pytest_configure(config):
    config.addinivalue_line("markers", "systemd: needs systemd-analyze, and libseccomp with it")


def pytest_collection_modifyitems(config, items):
    leave_out(config, items, "systemd", no_systemd)


def no_systemd():
    absent = shutil.which("systemd-analyze") is None
    return "no systemd-analyze found; apt-get install systemd" if absent else None


@dataclass
class Completed:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """A folder in which the distribution changemaker-petitions 1.2 is installed."""
    folder = tmp_path_factory.mktemp("installed")
    info = folder / "changemaker_petitions-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: changemaker-petitions\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(
        "[changemaker.plugins]\npetitions = changemaker_petitions:PetitionsPlugin\n"
    )
    (folder / "changemaker_petitions").mkdir()
    (folder / "changemaker_petitions" / "__init__.py").write_text(PLUGIN)
    return folder


@pytest.fixture(scope="session")
def site(tmp_path_factory, installed):
    """A site made by ``changemaker init`` that loads this plugin, whatever else is installed."""
    site = OperatedSite(tmp_path_factory.mktemp("deploy") / "site", {"PYTHONPATH": str(installed)})
    site.make()
    with (site.folder / "changemaker.toml").open("a") as configuration:
        configuration.write('\n[plugins]\nallow = ["petitions"]\n')
    return site


@pytest.fixture
def run(site, installed, capsys, monkeypatch):
    """``run("nginx", "--split", …)``: ``changemaker deploy`` in this process."""
    monkeypatch.syspath_prepend(installed)
    for name in [name for name in os.environ if name.startswith("CHANGEMAKER_")]:
        monkeypatch.delenv(name)

    def deploy(*arguments, **environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main.main(["--site", str(site.folder), "deploy", *map(str, arguments)])
        return Completed(ended.value.code or 0, *capsys.readouterr())

    return deploy


@pytest.fixture
def generated(run, tmp_path):
    """``generated("nginx", "--split", …)``: the files that the command writes, by name."""

    def generate(target, *options, **environment):
        folder = tmp_path / target
        done = run(target, "--into", folder, *options, **environment)
        assert done.returncode == 0, done.stderr
        return {path.name: path for path in folder.iterdir()}

    return generate
