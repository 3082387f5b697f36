"""Real distributions in a temporary folder: a package and its metadata, as pip lays them down."""

from __future__ import annotations

import importlib
import sys
import sysconfig
from dataclasses import dataclass, field
from textwrap import dedent, indent
from typing import TYPE_CHECKING, Any

import pytest

import changemaker_core
from changemaker_core.config import Config
from changemaker_core.hookspecs import KINDS, CoreHooks
from changemaker_core.plugin import discovery, manager
from changemaker_core.plugin.errors import BootFailed, PluginError
from changemaker_core.plugin.manager import Core

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from changemaker_core import Plugin


HEAD = """
from __future__ import annotations

from changemaker_core import *

RAN = __import__("sys").modules.setdefault("changemaker_tests_ran", [])
RAN.append(__name__)
"""


# Plugins of these tests import from core where its libraries are out of sight.
for _name in changemaker_core.__all__:
    getattr(changemaker_core, _name)


def core(features: Sequence[type[Plugin]] = ()) -> Core:
    """Core's hooks, without its features."""
    return Core(CoreHooks, KINDS, features)


@dataclass
class Shelf:
    """A folder of installed distributions."""

    folder: Path
    modules: list[str] = field(default_factory=list)

    def metadata(
        self, name: str, version: str, requires: tuple[str, ...] = (), **files: str
    ) -> None:
        """Lays down ``NAME-VERSION.dist-info``."""
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires]
        (info / "METADATA").write_text("\n".join([*lines, "", ""]))
        for file, text in files.items():
            (info / f"{file}.txt").write_text(text)

    def plugin(
        self,
        name: str,
        body: str = "",
        *,
        head: str = "",
        requires: tuple[str, ...] = ("changemaker-core>=0.1,<0.2",),
        version: str = "1.2.3",
        distribution: str | None = None,
        class_name: str | None = None,
        **modules: str,
    ) -> None:
        """Installs a plugin whose class has ``body``; ``modules`` are further files."""
        distribution = distribution or f"changemaker-{name}"
        package = distribution.replace("-", "_")
        folder = self.folder / package
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        cls = class_name or "ThePlugin"
        text = f'{HEAD}{dedent(head)}\nclass {cls}(Plugin):\n    name = "{name}"\n'
        (folder / "plugin.py").write_text(text + indent(dedent(body), "    "))
        for module, source in modules.items():
            (folder / f"{module}.py").write_text(HEAD + dedent(source))
        points = f"[changemaker.plugins]\n{name} = {package}.plugin:{cls}\n"
        self.metadata(distribution, version, requires, entry_points=points)
        self.modules.append(package)

    def ran(self) -> list[str]:
        """The modules that were imported, in order."""
        return list(sys.modules.get("changemaker_tests_ran", []))  # type: ignore[call-overload]

    def toml(self, text: str) -> None:
        """Writes the site's configuration."""
        (self.site / "changemaker.toml").write_text(dedent(text))

    @property
    def site(self) -> Path:
        """The folder of the site."""
        return self.folder.parent / "site"

    def config(self) -> Config:
        """The site's configuration, as it is written."""
        return Config.load(self.site, {"CHANGEMAKER_SECRET_KEY": "0123456789abcdef" * 2})

    def survey(self, **options: Any) -> manager.Survey:
        """What the manager finds, without a site unless one is given."""
        options.setdefault("site", Stage())
        options.setdefault("plugins", None)
        options.setdefault("config", self.config())
        options["core"] = core(options.pop("features", ()))
        return manager.survey(**options)

    def load(self, **options: Any) -> manager.LoadedPlugins:
        """Loads what is installed."""
        plugins = core(options.pop("features", ()))
        return manager.load(None, self.config(), Stage(), core=plugins, **options)

    def failure(self, **options: Any) -> BootFailed:
        """The report of a start that has to fail."""
        with pytest.raises(BootFailed) as raised:
            self.load(**options)
        assert "Traceback" not in str(raised.value)
        return raised.value

    def only_problem(self, kind: type[PluginError], **options: Any) -> PluginError:
        """The one problem of a start that has to fail, which names where it comes from."""
        report = self.failure(**options)
        (problem,) = report.problems
        assert type(problem) is kind
        assert problem.fix
        if problem.distribution and problem.in_configuration is None:
            assert f"({problem.distribution} {problem.version})" in str(report)
        return problem


class Stage:
    """As much of a site as the manager sees."""

    loaded: manager.LoadedPlugins


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """Distributions of this test alone; those of the environment are out of sight."""
    folder = tmp_path / "packages"
    folder.mkdir()
    (tmp_path / "site").mkdir()
    shelf = Shelf(folder)
    shelf.metadata("changemaker-core", "0.1.0")
    libraries = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    monkeypatch.setattr(sys, "path", [str(folder), *(p for p in sys.path if p not in libraries)])
    discovery.core_version.cache_clear()
    importlib.invalidate_caches()
    before = set(sys.modules)
    yield shelf
    for module in set(sys.modules) - before:
        if module.split(".")[0] in {*shelf.modules, "changemaker_tests_ran"}:
            del sys.modules[module]
    discovery.core_version.cache_clear()


@pytest.fixture
def stage() -> Stage:
    """As much of a site as the manager sees."""
    return Stage()
