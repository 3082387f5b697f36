"""The mistakes that authors of plugins make, each a small broken plugin in ``catalogue/``.

An entry is a file ``NAME.py``, or a folder ``NAME`` with a ``plugin.py`` and whatever it needs. Its
docstring is TOML:

- ``where``: ``boot`` (the site does not start), ``development`` (it does not in development),
  ``doctor``, or ``request`` (the log, when ``/parks`` is requested in development);
- ``report`` and ``fix``: texts that the report contains;
- ``place = false``: the report names no line. Otherwise it names the line of the entry that has
  the word HERE.

Other files of a folder that are named as a plugin (``trees.py``) are plugins beside it.
"""

from __future__ import annotations

import asyncio
import importlib
import re
import shutil
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from changemaker_core import Config, create_app
from changemaker_core.db import migrations
from changemaker_core.plugin.errors import BootFailed
from changemaker_core.site import Site
from changemaker_core.testing import client_of

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator

pytestmark = pytest.mark.database("sqlite")

CATALOGUE = Path(__file__).parent / "catalogue"
#: Modules of a plugin's package that are not plugins.
_PARTS = frozenset({"plugin", "hookspecs"})


@dataclass(frozen=True)
class Entry:
    """A mistake: its plugin, and the report that it must get."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(CATALOGUE).with_suffix(""))

    @property
    def plugin(self) -> Path:
        return self.path / "plugin.py" if self.path.is_dir() else self.path

    @property
    def expected(self) -> dict[str, Any]:
        docstring = self.plugin.read_text().split('"""')[1]
        return {"place": True, **tomllib.loads(docstring)}

    def mistaken_line(self) -> tuple[str, int]:
        """The file and the line with the word HERE; in a catalogue, the line after it."""
        files = [self.path] if self.path.is_file() else sorted(self.path.rglob("*.*"))
        for file in files:
            for number, line in enumerate(file.read_text().splitlines(), 1):
                if re.search(r"\bHERE\b", line):
                    name = "plugin.py" if file == self.plugin else file.name
                    return name, number + line.startswith("#.")
        raise AssertionError(f"{self.name} has no line marked HERE")


def entries() -> list[Entry]:
    """Every mistake of the catalogue."""
    folders = [file.parent for file in CATALOGUE.rglob("plugin.py")]
    files = [
        file
        for file in CATALOGUE.rglob("*.py")
        if not any(folder in file.parents for folder in folders)
    ]
    return [Entry(path) for path in sorted([*folders, *files])]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Lays an entry down as pip lays down a distribution; returns the names of its plugins."""
    packages = tmp_path / "packages"
    packages.mkdir()
    monkeypatch.syspath_prepend(str(packages))
    before = set(sys.modules)

    def put(name: str, source: Path) -> None:
        package = packages / f"changemaker_{name}"
        if source.is_dir():
            shutil.copytree(source, package)
        else:
            package.mkdir()
            shutil.copy(source, package / "plugin.py")
        (package / "__init__.py").touch()
        info = packages / f"changemaker_{name}-1.0.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: changemaker-{name}\nVersion: 1.0\n"
        (info / "METADATA").write_text(metadata)
        entry = f"{name} = changemaker_{name}.plugin:{name.capitalize()}Plugin"
        (info / "entry_points.txt").write_text(f"[changemaker.plugins]\n{entry}\n")

    def install(entry: Entry) -> list[str]:
        put("parks", entry.path)
        others = [] if entry.path.is_file() else list(entry.path.glob("*.py"))
        beside = [other.stem for other in others if other.stem not in _PARTS]
        for name in beside:
            put(name, entry.path / f"{name}.py")
        importlib.invalidate_caches()
        return ["parks", *beside]

    yield install
    for module in set(sys.modules) - before:
        if module.startswith("changemaker_parks") or module.startswith("changemaker_trees"):
            del sys.modules[module]


async def requested(config: Config) -> None:
    """Request ``/parks``, which fails."""
    app = create_app(config)
    migrations.apply(app.site.db, app.site.migration_folders())
    async with app.lifespan(), client_of(app) as client:
        assert (await client.get("/parks")).status_code == 500


def reported(where: str, config: Config, caplog: pytest.LogCaptureFixture) -> str:
    """What the author reads: the report of the start, the findings of ``doctor``, the log."""
    if where == "request":
        asyncio.run(requested(config))
        return "parks: " + " ".join(map(_message, caplog.records))
    if where != "doctor":
        with pytest.raises(BootFailed) as failed:
            create_app(config)
        assert len(failed.value.problems) == 1, str(failed.value)
        return str(failed.value)
    site = Site(config)
    try:
        migrations.apply(site.db, site.migration_folders())
        checks = [each.item for each in site.call_hook("operations_register_checks", site=site)]
        findings = [finding for check in checks for finding in check.run(site)]
    finally:
        site.close()
    wrong = [f for f in findings if f.status != "ok" and "parks" in f.detail]
    assert wrong, [finding.detail for finding in findings]
    return "\n".join(f"{finding.detail} {finding.fix}" for finding in wrong)


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.name)
def test_a_mistake_is_reported_with_its_line_and_a_fix(
    entry: Entry, install: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = entry.expected
    where = expected["where"]
    names = tuple(install(entry))
    development = where in ("development", "request")
    folder = tmp_path / "site"
    folder.mkdir()
    config = Config.for_tests(folder, plugins_allow=names, development=development)
    report = reported(where, config, caplog)
    assert expected["report"] in report
    assert expected["fix"] in report
    assert "Traceback" not in report
    assert "parks" in report
    if expected["place"]:
        file, line = entry.mistaken_line()
        assert re.search(rf"{re.escape(file)}(, line |:){line}\b", report), report


def _message(record: logging.LogRecord) -> str:
    """The text of a record, with the exception's own text."""
    error = record.exc_info[1] if record.exc_info else ""
    return f"{record.getMessage()} {error}"


def test_there_are_enough_of_them() -> None:
    assert len(entries()) >= 40
    assert all(entry.expected["report"] and entry.expected["fix"] for entry in entries())
