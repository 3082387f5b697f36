"""Before import: who is installed, who is let in, whose versions fit."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from changemaker_core.plugin import discovery, manager
from changemaker_core.plugin.base import Plugin
from changemaker_core.plugin.errors import (
    PluginConflict,
    PluginDamaged,
    PluginDependencyMissing,
    PluginImportFailed,
    PluginIncompatible,
    PluginInvalid,
    PluginNotFound,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.plugin.conftest import Shelf


class Accounts(Plugin):
    """Stands for a feature of core."""

    name = "accounts"


def names(loaded: manager.LoadedPlugins) -> list[str]:
    return [plugin.name for plugin in loaded.plugins]


def test_installed_plugins_are_loaded_with_where_they_come_from(shelf: Shelf) -> None:
    shelf.plugin("parks")
    shelf.plugin("media", version="2.0")
    loaded = shelf.load()
    assert [(p.name, p.distribution, p.version, p.status) for p in loaded.plugins] == [
        ("media", "changemaker-media", "2.0", "loaded"),
        ("parks", "changemaker-parks", "1.2.3", "loaded"),
    ]
    assert loaded.plugins[0].folder == shelf.folder / "changemaker_media"


def test_each_load_makes_instances_of_its_own(shelf: Shelf) -> None:
    shelf.plugin("parks")
    first, second = shelf.load(), shelf.load()
    assert first.plugins[0].instance is not second.plugins[0].instance


def test_a_plugin_for_another_core_is_refused_before_it_is_imported(shelf: Shelf) -> None:
    shelf.plugin("parks", requires=("changemaker-core>=0.2,<0.3",))
    problem = shelf.only_problem(PluginIncompatible)
    assert (
        problem.problem
        == "It needs changemaker-core<0.3,>=0.2, but changemaker-core 0.1.0 is installed."
    )
    assert "pip install --upgrade changemaker-parks" in problem.fix
    assert shelf.ran() == []


def test_a_plugin_for_another_version_of_a_plugin_is_refused(shelf: Shelf) -> None:
    shelf.plugin("parks", requires=("changemaker-media>=3",))
    shelf.plugin("media", version="2.0")
    problem = shelf.only_problem(PluginIncompatible)
    assert (problem.plugin, "changemaker-media 2.0" in problem.problem) == ("parks", True)


def test_a_distribution_that_is_absent_is_named_with_its_command(shelf: Shelf) -> None:
    shelf.plugin("parks", requires=("changemaker-media>=3",))
    problem = shelf.only_problem(PluginDependencyMissing)
    assert "pip install 'changemaker-media>=3'" in problem.fix


def test_requirements_of_extras_and_of_other_systems_do_not_count(shelf: Shelf) -> None:
    extra = "changemaker-media>=3; extra == 'media'"
    shelf.plugin("parks", requires=(extra, "changemaker-media; sys_platform == 'plan9'"))
    assert names(shelf.load()) == ["parks"]


def test_a_pre_release_of_core_fits_an_ordinary_range(shelf: Shelf) -> None:
    shelf.plugin("parks", requires=("changemaker-core>=0.1.0.dev1",))
    (shelf.folder / "changemaker_core-0.1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: changemaker-core\nVersion: 0.1.0rc1\n\n"
    )
    assert names(shelf.load()) == ["parks"]


def test_two_distributions_with_one_name_are_both_named_and_not_imported(shelf: Shelf) -> None:
    shelf.plugin("parks")
    shelf.plugin("parks", distribution="greener-parks", version="9")
    problem = shelf.only_problem(PluginConflict)
    assert "changemaker-parks 1.2.3" in problem.problem
    assert (problem.distribution, problem.version) == ("greener-parks", "9")
    assert shelf.ran() == []


def test_what_setuptools_leaves_beside_an_editable_plugin_is_that_plugin(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``pip install -e`` makes a ``.egg-info`` in the source, which is on the path as well."""
    shelf.plugin("parks")
    left = tmp_path / "source" / "changemaker_parks.egg-info"
    shutil.copytree(shelf.folder / "changemaker_parks-1.2.3.dist-info", left)
    (left / "METADATA").rename(left / "PKG-INFO")
    monkeypatch.setattr(sys, "path", [str(left.parent), *sys.path])
    found = shelf.survey()
    assert (names(found.loaded), found.problems, found.damages) == (["parks"], (), ())


def test_a_plugin_may_not_take_the_name_of_a_feature_of_core(shelf: Shelf) -> None:
    shelf.plugin("accounts")
    problem = shelf.only_problem(PluginConflict, features=[Accounts])
    assert problem.distribution == "changemaker-accounts"


def test_denied_plugins_are_not_imported(shelf: Shelf) -> None:
    shelf.plugin("parks", head="raise RuntimeError('imported')")
    shelf.toml("[plugins]\ndeny = ['parks']")
    (note,) = shelf.load().skipped
    assert (note.name, note.status, note.version) == ("parks", "denied", "1.2.3")
    assert shelf.ran() == []


def test_a_name_that_is_denied_twice_is_denied_once(shelf: Shelf) -> None:
    shelf.plugin("parks")
    shelf.toml("[plugins]\ndeny = ['parks', 'parks']")
    assert [note.name for note in shelf.load().skipped] == ["parks"]


def test_only_allowed_plugins_are_loaded(shelf: Shelf) -> None:
    shelf.plugin("parks")
    shelf.plugin("media")
    shelf.toml("[plugins]\nallow = ['parks', 'parks']")
    loaded = shelf.load()
    assert names(loaded) == ["parks"]
    assert [(note.name, note.status) for note in loaded.skipped] == [("media", "not_allowed")]


def test_allowing_what_is_not_installed_is_refused_with_a_suggestion(shelf: Shelf) -> None:
    shelf.plugin("parks")
    shelf.toml("[plugins]\nallow = ['praks']")
    assert "Did you mean 'parks'?" in shelf.only_problem(PluginNotFound).problem


def test_denying_a_misspelt_name_is_refused_and_an_absent_one_is_not(shelf: Shelf) -> None:
    shelf.plugin("parks")
    shelf.toml("[plugins]\ndeny = ['praks', 'zeppelin']")
    assert shelf.only_problem(PluginNotFound).plugin == "praks"


def test_a_feature_of_core_cannot_be_denied(shelf: Shelf) -> None:
    shelf.toml("[plugins]\ndeny = ['accounts']")
    assert "part of core" in shelf.only_problem(PluginNotFound, features=[Accounts]).problem


def test_a_table_for_no_plugin_is_refused_with_its_line(shelf: Shelf) -> None:
    shelf.plugin("parks")
    shelf.toml("\n\n[praks]\nbenches = 3\n")
    problem = shelf.only_problem(PluginNotFound)
    assert "changemaker.toml:4" in problem.problem
    assert "Did you mean 'parks'?" in problem.problem


def test_a_denied_plugin_keeps_its_table(shelf: Shelf) -> None:
    shelf.plugin("parks")
    shelf.toml("[plugins]\ndeny = ['parks']\n[parks]\nbenches = 3\n")
    assert names(shelf.load()) == []


def test_safe_mode_runs_core_alone_beside_anything(shelf: Shelf) -> None:
    shelf.plugin("parks", head="raise RuntimeError('imported')")
    shelf.plugin("media", requires=("changemaker-core>=9",))
    loaded = shelf.load(features=[Accounts], safe_mode=True)
    assert names(loaded) == ["accounts"]
    assert {note.status for note in loaded.skipped} == {"safe_mode"}
    assert shelf.ran() == []


def test_a_list_of_classes_is_loaded_exactly(shelf: Shelf) -> None:
    shelf.plugin("parks")

    class Trees(Plugin):
        name = "trees"

    loaded = shelf.survey(plugins=[Trees], features=[Accounts]).loaded
    assert [(p.name, p.core, p.distribution) for p in loaded.plugins] == [
        ("accounts", True, "changemaker-core"),
        ("trees", False, None),
    ]


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ("import changemaker_no_such_module", "changemaker_no_such_module"),
        ("raise ValueError('no\\nbenches')", "ValueError: no benches"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def broken(:", "plugin.py, line"),
    ],
)
def test_a_plugin_that_cannot_be_imported(shelf: Shelf, head: str, told: str) -> None:
    shelf.plugin("parks", head=head)
    shelf.plugin("media")
    problem = shelf.only_problem(PluginImportFailed)
    assert told in problem.problem
    assert "\n" not in problem.problem
    assert 'deny = ["parks"]' in problem.fix


def test_an_entry_point_must_be_a_plugin(shelf: Shelf) -> None:
    shelf.plugin("parks", head="class NotOne: ...", class_name="Parks")
    points = shelf.folder / "changemaker_parks-1.2.3.dist-info" / "entry_points.txt"
    points.write_text("[changemaker.plugins]\nparks = changemaker_parks.plugin:NotOne\n")
    assert "not a subclass of Plugin" in shelf.only_problem(PluginInvalid).problem


def test_an_entry_point_must_be_there(shelf: Shelf) -> None:
    shelf.plugin("parks", class_name="Parks")
    points = shelf.folder / "changemaker_parks-1.2.3.dist-info" / "entry_points.txt"
    points.write_text("[changemaker.plugins]\nparks = changemaker_parks.plugin:Absent\n")
    assert "Absent" in shelf.only_problem(PluginImportFailed).problem


@pytest.mark.parametrize(
    ("name", "body", "told"),
    [
        ("parks", "name = 'Parks'", "a letter first"),
        ("parks", "name = 'parcs'", "the class 'parcs'"),
        ("core", "", "core's own"),
        ("parks", "requires = ('media')", "`requires` is not a tuple"),
        ("parks", "after = ('parks',)", "names the plugin itself"),
        ("parks", "config = {'benches': 4}", "`config` is not a msgspec Struct class"),
    ],
)
def test_a_manifest_that_is_wrong(shelf: Shelf, name: str, body: str, told: str) -> None:
    shelf.plugin(name, body, distribution="acme-parks")
    assert told in shelf.only_problem(PluginInvalid).problem


def test_a_plugin_that_cannot_be_made(shelf: Shelf) -> None:
    shelf.plugin("parks", "def __init__(self, bench): ...")
    assert "bench" in shelf.only_problem(PluginImportFailed).problem


def _write(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda info: (info / name).write_bytes(change((info / name).read_bytes()))


def _copied_to(name: str) -> Callable[[Path], object]:
    return lambda info: shutil.copytree(info, info.with_name(name))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "requirement": _write("METADATA", lambda text: text.replace(b">=0.1,<0.2", b">=zero!")),
    "marker": _write("METADATA", lambda text: text.replace(b">=0.1,<0.2", b'; moon == "full"')),
    "other charset": _write("METADATA", lambda text: text + "Author: Zoé\n".encode("latin-1")),
    "no metadata": lambda info: (info / "METADATA").unlink(),
    "cut off": _write("METADATA", lambda text: b""),
    "not utf-8": _write("entry_points.txt", lambda text: text + b"\xff\xfe = \xff"),
    "binary": _write("entry_points.txt", lambda text: b"\x00\x01\x02" * 100),
    "not ini": _write("entry_points.txt", lambda text: b"parks = here\n[changemaker.plugins\n"),
    "left behind": _copied_to("~hangemaker_parks-1.2.2.dist-info"),
    "stale": lambda info: info.with_name("changemaker_gone-1.0.dist-info").mkdir(),
    "twice": _copied_to("changemaker_parks-1.2.2.dist-info"),
}


@pytest.fixture
def damaged(shelf: Shelf) -> Callable[[str], Path]:
    """Damages the metadata of the plugin parks in one way; trees stays sound."""
    shelf.plugin("parks")
    shelf.plugin("trees")
    info = shelf.folder / "changemaker_parks-1.2.3.dist-info"

    def damage(way: str) -> Path:
        DAMAGES[way](info)
        importlib.invalidate_caches()
        return info

    return damage


@pytest.mark.parametrize("way", ["not utf-8", "binary", "not ini"])
def test_a_plugin_whose_entry_points_cannot_be_read_is_missing_and_stops_nothing(
    shelf: Shelf, damaged: Callable[[str], Path], way: str, caplog: pytest.LogCaptureFixture
) -> None:
    info = damaged(way)
    shelf.toml("[parks]\nbenches = 1")  # its table is no problem
    found = shelf.survey()
    (damage,) = found.damages
    assert (damage.plugin, damage.hides, str(info) in damage.detail) == ("parks", True, True)
    assert "--force-reinstall changemaker-parks" in damage.fix
    (missing,) = found.loaded.skipped
    assert (missing.name, missing.status, missing.reason) == ("parks", "failed", damage.detail)
    assert names(shelf.load()) == ["trees"]
    assert str(info) in caplog.text
    assert names(shelf.load(features=[Accounts], safe_mode=True)) == ["accounts"]
    shelf.toml("[plugins]\nallow = ['parks', 'trees']")  # the site must not be without it
    problem = shelf.only_problem(PluginDamaged)
    assert (problem.plugin, problem.problem) == ("parks", damage.detail)
    shelf.toml("[plugins]\ndeny = ['parks']")
    assert names(shelf.load()) == ["trees"]


@pytest.mark.parametrize(
    ("way", "told"),
    [
        ("requirement", "its requirement 'changemaker-core>=zero!' cannot be checked"),
        ("marker", "'changemaker-core; moon == \"full\"' cannot be checked"),
        ("other charset", "METADATA cannot be read"),
        ("no metadata", "changemaker_parks-1.2.3.dist-info has no METADATA"),
        ("cut off", "METADATA has no Name and no Version"),
        ("left behind", "pip left ~hangemaker_parks-1.2.2.dist-info behind"),
        ("stale", "changemaker_gone-1.0.dist-info has no METADATA"),
        ("twice", "changemaker-parks is installed twice"),
    ],
)
def test_other_damage_is_one_finding_and_stops_nothing(
    shelf: Shelf, damaged: Callable[[str], Path], way: str, told: str
) -> None:
    damaged(way)
    found = shelf.survey()
    assert names(found.loaded) == ["parks", "trees"]
    assert found.problems == ()
    (damage,) = found.damages
    assert told in damage.detail
    assert "Delete " in damage.fix or "--force-reinstall changemaker-parks" in damage.fix
    assert {plugin.version for plugin in found.loaded.plugins} == {"1.2.3"}


@pytest.mark.parametrize("stale", ["0.0.1", "99.0"])
def test_of_two_versions_in_one_folder_the_one_installed_last_counts(
    shelf: Shelf, stale: str
) -> None:
    shelf.plugin("parks")
    shelf.metadata("changemaker-core", stale)
    folder = shelf.folder / f"changemaker_core-{stale}.dist-info"
    os.utime(folder / "METADATA", (0, 0))
    found = shelf.survey()
    assert (names(found.loaded), found.problems) == (["parks"], ())
    (damage,) = found.damages
    assert f"Delete {folder}, then" in damage.fix


@pytest.mark.parametrize("way", ["other charset", "no metadata", "cut off"])
def test_the_version_of_a_damaged_core_is_that_of_its_folder(shelf: Shelf, way: str) -> None:
    shelf.plugin("parks")
    DAMAGES[way](shelf.folder / "changemaker_core-0.1.0.dist-info")
    found = shelf.survey()
    assert names(found.loaded) == ["parks"]
    assert [damage.distribution for damage in found.damages] == ["changemaker-core"]


def test_core_without_metadata_has_no_version(shelf: Shelf) -> None:
    (shelf.folder / "changemaker_core-0.1.0.dist-info" / "METADATA").unlink()
    (shelf.folder / "changemaker_core-0.1.0.dist-info").rmdir()
    assert discovery.core_version() is None
