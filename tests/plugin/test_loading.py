"""Building and collecting: requirements, hooks, configuration, contributions, conflicts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from changemaker_core.config import Config
from changemaker_core.http.declarations import ROUTES
from changemaker_core.plugin import manager
from changemaker_core.plugin.base import Plugin, hookimpl
from changemaker_core.plugin.errors import (
    BootFailed,
    PluginConfigError,
    PluginConflict,
    PluginCycle,
    PluginDependencyMissing,
    PluginFailed,
    PluginInvalid,
)
from tests.plugin.conftest import core

if TYPE_CHECKING:
    from changemaker_core.http.declarations import Route
    from tests.plugin.conftest import Shelf, Stage

REGISTER_ROUTES = """
@hookimpl
def cm_register_routes(self, site):
    return [{}]
"""
CONFIG = """
import msgspec

class ParksConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    benches: int = 4
    colours: tuple[str, ...] = ("green",)
    keeper: str | None = None
"""


def names(loaded: manager.LoadedPlugins) -> list[str]:
    return [plugin.name for plugin in loaded.plugins]


def test_a_requirement_that_is_not_installed(shelf: Shelf) -> None:
    shelf.plugin("parks", "requires = ('map',)")
    problem = shelf.only_problem(PluginDependencyMissing)
    assert "'map', which is not installed" in problem.problem
    assert "pip install changemaker-map" in problem.fix


def test_a_requirement_that_is_denied(shelf: Shelf) -> None:
    shelf.plugin("parks", "requires = ('map',)")
    shelf.plugin("map")
    shelf.toml("[plugins]\ndeny = ['map']")
    assert (
        "left out: The configuration denies it"
        in shelf.only_problem(PluginDependencyMissing).problem
    )


def test_what_requires_a_broken_plugin_is_not_reported_again(shelf: Shelf) -> None:
    shelf.plugin("map", head="raise ValueError")
    shelf.plugin("parks", "requires = ('map',)")
    shelf.plugin("trees", "requires = ('parks',)")
    survey = shelf.survey()
    assert [problem.plugin for problem in survey.problems] == ["map"]
    statuses = {note.name: note.status for note in survey.loaded.skipped}
    assert statuses == {"map": "failed", "parks": "blocked", "trees": "blocked"}


def test_a_circle_of_three_is_one_chain_with_every_distribution(shelf: Shelf) -> None:
    shelf.plugin("a", "requires = ('b',)")
    shelf.plugin("b", "requires = ('c',)")
    shelf.plugin("c", "requires = ('a',)")
    problem = shelf.only_problem(PluginCycle)
    assert "a → b → c → a" in problem.problem
    assert "b (changemaker-b 1.2.3), c (changemaker-c 1.2.3)" in problem.fix


def test_features_come_first_whatever_plugins_are_called(shelf: Shelf) -> None:
    class Zebra(Plugin):
        name = "zebra"

    shelf.plugin("aardvark")
    assert names(shelf.load(features=[Zebra])) == ["zebra", "aardvark"]


# -- hooks


def test_every_misspelt_hook_is_reported_with_a_suggestion(shelf: Shelf) -> None:
    shelf.plugin(
        "parks",
        """
        @hookimpl
        def cm_register_rotues(self): return []
        @hookimpl
        def cm_register_jobz(self): return []
        """,
    )
    shelf.plugin("trees", "@hookimpl\ndef influence_register_directories(self): return []")
    report = shelf.failure()
    assert [problem.plugin for problem in report.problems] == ["parks", "parks", "trees"]
    assert "Did you mean 'cm_register_jobs'?" in str(report)
    assert "Did you mean 'cm_register_routes'?" in str(report)


def test_a_hook_of_an_absent_plugin_in_after_is_left_alone(shelf: Shelf) -> None:
    body = "after = ('influence',)\n@hookimpl\ndef influence_register_directories(self): return []"
    shelf.plugin("parks", body)
    assert names(shelf.load()) == ["parks"]


def test_a_hook_of_a_plugin_in_after_that_is_there_must_be_spelt_rightly(shelf: Shelf) -> None:
    offers = "@hookspec\ndef media_register_stores(site): ..."
    shelf.plugin("media", hookspecs=offers)
    shelf.plugin(
        "parks", "after = ('media',)\n@hookimpl\ndef media_register_store(self): return []"
    )
    assert "Did you mean 'media_register_stores'?" in shelf.only_problem(PluginInvalid).problem


def test_a_hook_method_without_its_marker(shelf: Shelf) -> None:
    shelf.plugin("parks", "def cm_register_routes(self, site): return []")
    assert "cm_register_routes has no @hookimpl" in shelf.only_problem(PluginInvalid).problem


def test_an_override_of_a_marked_method_without_its_own_marker(shelf: Shelf) -> None:
    head = """
    class Base(Plugin):
        @hookimpl
        def cm_register_routes(self, site): return []
    """
    shelf.plugin("parks", head=head)
    module = shelf.folder / "changemaker_parks" / "plugin.py"
    text = module.read_text().replace("class ThePlugin(Plugin)", "class ThePlugin(Base)")
    module.write_text(text + "    def cm_register_routes(self, site): return [1]\n")
    assert "also where it overrides" in shelf.only_problem(PluginInvalid).fix


def test_another_plugins_hook_without_the_marker(shelf: Shelf) -> None:
    shelf.plugin("media", hookspecs="@hookspec\ndef media_register_stores(site): ...")
    shelf.plugin("parks", "def media_register_stores(self): return []")
    assert "has no @hookimpl" in shelf.only_problem(PluginInvalid).problem


@pytest.mark.parametrize(
    ("signature", "told"),
    [
        ("self, sites", "'sites'"),
        ("self, site, options", "'options'"),
        ("self, *, request", "'request'"),
    ],
)
def test_arguments_that_the_hook_does_not_have(shelf: Shelf, signature: str, told: str) -> None:
    shelf.plugin("parks", f"@hookimpl\ndef cm_register_routes({signature}): return []")
    problem = shelf.only_problem(PluginInvalid)
    assert told in problem.problem
    assert "cm_register_routes(site)" in problem.fix


@pytest.mark.parametrize(
    "signature", ["self", "self, site", "self, site, limit=3", "self, *, site"]
)
def test_arguments_may_be_left_out_or_have_defaults(shelf: Shelf, signature: str) -> None:
    shelf.plugin("parks", f"@hookimpl\ndef cm_register_routes({signature}): return []")
    assert names(shelf.load()) == ["parks"]


def test_hooks_are_neither_async_nor_wrappers(shelf: Shelf) -> None:
    shelf.plugin("parks", "@hookimpl\nasync def cm_register_routes(self): return []")
    shelf.plugin("trees", "@hookimpl(wrapper=True)\ndef cm_register_routes(self): return (yield)")
    assert [p.plugin for p in shelf.failure().problems] == ["parks", "trees"]


def test_a_hook_that_raises_is_one_plugins_and_the_others_are_still_asked(shelf: Shelf) -> None:
    shelf.plugin("parks", "@hookimpl\ndef cm_register_routes(self): return 1 / 0")
    shelf.plugin("trees", REGISTER_ROUTES.format("7"))
    first, second = shelf.failure().problems
    assert isinstance(first, PluginFailed)
    assert "cm_register_routes raised ZeroDivisionError: division by zero" in first.problem
    assert "plugin.py, line" in first.problem
    assert isinstance(first.__cause__, ZeroDivisionError)
    assert second.plugin == "trees"


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ("None", "returned nothing instead of a list[Route]"),
        ("Route('/parks', object())", "returned a Route instead of a list[Route]"),
        ("(Route('/parks', object()),)", "returned a tuple"),
        ("[Job('parks.x', print)]", "a list with a Job in it instead of Route"),
        ("(x for x in [])", "returned a generator"),
    ],
)
def test_a_hook_that_returns_something_else(shelf: Shelf, result: str, told: str) -> None:
    shelf.plugin("parks", f"@hookimpl\ndef cm_register_routes(self): return {result}")
    assert told in shelf.only_problem(PluginInvalid).problem


def test_what_is_no_model_is_refused(shelf: Shelf) -> None:
    shelf.plugin("parks", "@hookimpl\ndef cm_register_models(self): return [object]")
    assert "object is not a model" in shelf.only_problem(PluginInvalid).problem


def test_what_raises_in_a_feature_of_core_is_a_bug_and_passes() -> None:
    class Broken(Plugin):
        name = "broken"

        @hookimpl
        def cm_register_routes(self) -> list[Route]:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        manager.load([], Config.for_tests(Path()), Site(), core=core([Broken]))


class Site:
    """As much of a site as the manager sees."""

    loaded: manager.LoadedPlugins


# -- hooks of plugins


def test_a_plugin_offers_hooks_and_sweeps_them_in_dependency_order(shelf: Shelf) -> None:
    offers = """
    class Hooks:
        @hookspec
        def media_register_stores(self, site) -> list[str]:
            ...
    """
    shelf.plugin("media", hookspecs=offers)
    answer = "@hookimpl\ndef media_register_stores(self): return ['{}', '{}-too']"
    shelf.plugin("alder", "requires = ('birch',)\n" + answer.format("alder", "alder"))
    shelf.plugin("birch", answer.format("birch", "birch"))
    found = shelf.load().call_hook("media_register_stores", site=None)
    assert [(c.plugin.name, c.item) for c in found] == [
        ("birch", "birch"),
        ("birch", "birch-too"),
        ("alder", "alder"),
        ("alder", "alder-too"),
    ]


def test_offered_hooks_bear_the_name_of_their_plugin(shelf: Shelf) -> None:
    shelf.plugin("media", hookspecs="@hookspec\ndef cm_register_stores(site): ...")
    assert "does not begin with its name" in shelf.only_problem(PluginInvalid).problem


def test_a_kind_belongs_to_a_hook_of_the_file(shelf: Shelf) -> None:
    offers = """
    @hookspec
    def media_register_stores(site) -> list[str]: ...
    KIND = Kind("media_register_store", str)
    """
    shelf.plugin("media", hookspecs=offers)
    problem = shelf.only_problem(PluginInvalid)
    assert "a Kind for 'media_register_store', and no such hook" in problem.problem
    assert "Did you mean 'media_register_stores'?" in problem.fix


def test_the_items_of_a_kind_are_a_class(shelf: Shelf) -> None:
    shelf.plugin("media", hookspecs="KIND = Kind('media_register_stores', 'str')")
    assert "'str', which is not a class" in shelf.only_problem(PluginFailed).problem


def test_hookspecs_that_cannot_be_imported(shelf: Shelf) -> None:
    shelf.plugin("media", hookspecs="raise ValueError('boom')")
    assert "hookspecs.py raised ValueError: boom" in shelf.only_problem(PluginFailed).problem


def test_sweeping_a_hook_that_nobody_offers_is_a_mistake(shelf: Shelf) -> None:
    with pytest.raises(LookupError, match="cm_register_routes"):
        shelf.load().call_hook("cm_register_route")


def test_permissions_are_prefixed_and_belong_to_one_plugin(shelf: Shelf) -> None:
    offers = """
    @hookspec
    def media_register_permissions(site) -> list[Permission]: ...
    KIND = Kind("media_register_permissions", Permission, named("permission", "."))
    """
    shelf.plugin("media", hookspecs=offers)
    give = "@hookimpl\ndef media_register_permissions(self): return [Permission('{}', 'x')]"
    shelf.plugin("parks", give.format("parks.write"))
    shelf.plugin("trees", give.format("parks.write"))
    problem = shelf.only_problem(PluginInvalid)  # at boot, whoever calls the hook or not
    assert (problem.plugin, "'parks.write'" in problem.problem) == ("trees", True)


OFFERS = """
@hookspec
def media_register_stores(site) -> list[str]: ...

@hookspec
def media_register_sizes(site, unit) -> list[str]: ...
"""


def test_a_hook_that_takes_the_site_is_called_once_and_its_result_kept(shelf: Shelf) -> None:
    shelf.plugin("media", hookspecs=OFFERS)
    count = "@hookimpl\ndef media_register_stores(self): RAN.append('called'); return ['a']"
    shelf.plugin("parks", count)
    loaded = shelf.load()
    assert shelf.ran().count("called") == 1
    for _ in range(2):
        (contribution,) = loaded.call_hook("media_register_stores", site=None)
        assert contribution.item == "a"
    assert shelf.ran().count("called") == 1


def test_what_a_manifest_lists_goes_to_the_hook_of_its_class(shelf: Shelf) -> None:
    routes = """
    contributes = (Route("/a", object()), Job("parks.tidy", print))
    @hookimpl
    def cm_register_routes(self): return [Route("/b", object())]
    """
    shelf.plugin("parks", routes)
    loaded = shelf.load()
    assert [each.item.path for each in loaded.contributions(ROUTES)] == ["/a", "/b"]
    parks = loaded.plugin("parks")
    assert parks is not None
    assert [job.name for job in loaded.contributed_by(parks)["jobs"]] == ["parks.tidy"]
    assert loaded.hooks.implemented_by(parks) == ["cm_register_jobs", "cm_register_routes"]


def test_what_two_hooks_would_take_is_listed_by_neither(shelf: Shelf) -> None:
    offers = "@hookspec\ndef media_register_rights(site) -> list[Permission]: ..."
    shelf.plugin("media", hookspecs=offers)
    shelf.plugin("parks", "contributes = [Permission('parks.read', 'x')]")
    problem = shelf.only_problem(PluginInvalid)
    assert "which cm_register_permissions and media_register_rights take" in problem.problem
    assert "plugin.py, line" in problem.problem


def test_a_manifest_lists_items_of_another_plugins_hook(shelf: Shelf) -> None:
    offers = """
    from dataclasses import dataclass
    @dataclass(frozen=True)
    class Store:
        name: str
    STORES = Kind("media_register_stores", Store, named("store", "."))
    @hookspec
    def media_register_stores(site) -> list[Store]: ...
    """
    shelf.plugin("media", hookspecs=offers)
    head = "from changemaker_media.hookspecs import Store"
    body = "requires = ('media',)\ncontributes = (Store('parks.disk'),)"
    shelf.plugin("parks", body, head=head)
    (found,) = shelf.load().call_hook("media_register_stores", site=None)
    assert (found.item.name, found.plugin.name) == ("parks.disk", "parks")


def test_other_hooks_are_left_to_their_owners(shelf: Shelf) -> None:
    shelf.plugin("media", hookspecs=OFFERS)
    shelf.plugin("parks", "@hookimpl\ndef media_register_sizes(self): return None")
    loaded = shelf.load()
    with pytest.raises(BootFailed, match="media_register_sizes returned nothing"):
        loaded.call_hook("media_register_sizes", site=None, unit="px")


def test_all_problems_of_all_kinds_are_one_report(shelf: Shelf) -> None:
    shelf.plugin("media", hookspecs=OFFERS)
    shelf.plugin("alder", head="raise ValueError")
    shelf.plugin("birch", "@hookimpl\ndef cm_register_rotues(self): return []")
    shelf.plugin("cedar", "@hookimpl\ndef media_register_stores(self): return 1 / 0")
    shelf.plugin("elm", "@hookimpl\ndef cm_register_jobs(self): return None")
    shelf.plugin("fir", REGISTER_ROUTES.format("Route('fir', object())"))
    report = shelf.failure()
    assert [p.plugin for p in report.problems] == ["alder", "birch", "cedar", "elm", "fir"]
    places = re.findall(r"changemaker_(\w+)/plugin\.py, line \d+", str(report))
    assert places == ["alder", "birch", "cedar", "elm", "fir"]


def test_a_sweep_inside_of_a_feature_reports_the_plugin_at_fault(shelf: Shelf) -> None:
    class Collector(Plugin):
        name = "collector"

        @hookimpl
        def cm_register_routes(self, site: Site) -> list[Route]:
            site.loaded.call_hook("media_register_permissions", site=site)
            return []

    offers = "@hookspec\ndef media_register_permissions(site) -> list[Permission]: ..."
    shelf.plugin("media", hookspecs=offers)
    shelf.plugin("parks", "@hookimpl\ndef media_register_permissions(self): return 1 / 0")
    assert shelf.only_problem(PluginFailed, features=[Collector]).plugin == "parks"


# -- configuration


def test_settings_are_typed_and_have_defaults(shelf: Shelf) -> None:
    shelf.plugin("parks", "config = ParksConfig", head=CONFIG)
    shelf.toml("[parks]\nbenches = 7")
    loaded = shelf.load()
    struct = loaded.plugins[0].instance.config
    assert struct is not None
    assert loaded.config_of(struct) == struct(benches=7)


def test_every_wrong_key_of_a_table_is_reported(shelf: Shelf) -> None:
    shelf.plugin("parks", "config = ParksConfig", head=CONFIG)
    shelf.toml("[parks]\nbenches = 'many'\nbenchs = 3\n")
    report = shelf.failure()
    assert [type(problem) for problem in report.problems] == [PluginConfigError] * 2
    assert "changemaker.toml:2: parks.benches must be a whole number." in str(report)
    assert "changemaker.toml:3: parks.benchs is not a known key." in str(report)
    assert "Did you mean 'benches'?" in str(report)


def test_a_table_for_a_plugin_without_configuration(shelf: Shelf) -> None:
    shelf.plugin("parks")
    shelf.toml("[parks]\nbenches = 3")
    assert "takes none" in shelf.only_problem(PluginConfigError).problem


def test_hooks_can_ask_for_settings(shelf: Shelf) -> None:
    body = """
    config = ParksConfig
    @hookimpl
    def cm_register_routes(self, site):
        return [Route(f"/benches/{site.loaded.config_of(ParksConfig).benches}", object())]
    """
    shelf.plugin("parks", body, head=CONFIG)
    assert [c.item.path for c in shelf.load().contributions(ROUTES)] == ["/benches/4"]


# -- contributions


def test_contributions_are_stamped_and_frozen(shelf: Shelf, stage: Stage) -> None:
    shelf.plugin("parks", REGISTER_ROUTES.format("Route('/parks', object())"))
    loaded = manager.load(None, shelf.config(), stage, core=core())
    (contribution,) = loaded.contributions(ROUTES)
    assert (contribution.item.path, contribution.plugin.name) == ("/parks", "parks")
    loaded.contributions(ROUTES).clear()
    assert loaded.contributions(ROUTES) == [contribution]
    with pytest.raises(RuntimeError, match="already collected"):
        loaded.freeze(ROUTES, [])


def test_nothing_can_be_seen_before_everything_is_there(shelf: Shelf) -> None:
    body = "@hookimpl\ndef cm_register_routes(self, site): return site.loaded.contributions(ROUTES)"
    shelf.plugin("parks", body, head="from changemaker_core.http.declarations import ROUTES")
    assert "still being collected" in shelf.only_problem(PluginFailed).problem


def test_core_is_an_owner_of_folders(shelf: Shelf) -> None:
    shelf.plugin("parks")
    folders = shelf.load().package_folders()
    assert list(folders) == ["core", "parks"]
    assert (folders["core"] / "plugin" / "manager.py").is_file()


@pytest.mark.parametrize(
    ("direct_url", "told"),
    [
        (None, "Report it to the plugin's author"),
        ('{"dir_info": {}}', "Report it to the plugin's author"),
        ("damaged", "Report it to the plugin's author"),
        ('{"dir_info": {"editable": true}}', "Correct it; meanwhile"),
    ],
)
def test_who_edits_a_plugin_is_told_to_correct_it(
    shelf: Shelf, direct_url: str | None, told: str
) -> None:
    shelf.plugin("parks", "@hookimpl\ndef cm_register_jobs(self): raise ValueError('boom')")
    if direct_url is not None:
        [info] = shelf.folder.glob("changemaker_parks-*.dist-info")
        (info / "direct_url.json").write_text(direct_url)
    problem = shelf.only_problem(PluginFailed)
    assert problem.fix.startswith(told)
    assert "plugin.py, line" in problem.problem


MODEL = """
class Bench(Model):
    class Meta: table_name = "{}"
"""


@pytest.mark.parametrize(
    ("hook", "item", "told"),
    [
        ("models", "Bench", "The table 'benches' does not begin with 'parks_'"),
        ("jobs", "Job('tidy', print)", "The job 'tidy' does not begin with 'parks.'"),
        ("metrics", "Metric('benches_total', 'x')", "The metric 'benches_total'"),
        (
            "authenticators",
            "Authenticator('badge', print, headers=('X-Badge',))",
            "The authenticator 'badge'",
        ),
        ("routes", "Route('parks', object())", "'parks' is not a path"),
        ("routes", "Route('/a/{id}/{id}', object())", "names a parameter twice"),
    ],
)
def test_names_say_whose_they_are(shelf: Shelf, hook: str, item: str, told: str) -> None:
    body = f"@hookimpl\ndef cm_register_{hook}(self): return [{item}]"
    shelf.plugin("parks", body, head=MODEL.format("benches"))
    problem = shelf.only_problem(PluginInvalid).problem
    assert told in problem
    assert re.search(r"plugin\.py, line \d+\)\.$", problem)


def test_a_collision_blames_the_plugin_whose_name_the_path_lacks(shelf: Shelf) -> None:
    head = "class MapPage: ...\nclass TreePage: ..."
    shelf.plugin("parks", REGISTER_ROUTES.format("Route('/api/trees/{id}', MapPage())"), head=head)
    shelf.plugin("trees", REGISTER_ROUTES.format("Route('/api/trees/{id}', TreePage())"), head=head)
    problem = shelf.only_problem(PluginConflict)
    assert (problem.plugin, problem.others) == ("parks", ("trees",))
    assert "The path '/api/trees/{id}' of MapPage already belongs to trees" in problem.problem
    assert "by TreePage" in problem.problem
    assert "changemaker_parks/plugin.py, line" in problem.problem


def test_a_name_without_its_prefix_takes_none_from_others(shelf: Shelf) -> None:
    body = "@hookimpl\ndef cm_register_jobs(self): return [Job('trees.prune', print)]"
    shelf.plugin("parks", body)
    shelf.plugin("trees", body)
    problem = shelf.only_problem(PluginInvalid)
    assert (problem.plugin, "begin with 'parks.'" in problem.problem) == ("parks", True)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("/campaigns/{id}", "/campaigns/{slug}"),
        ("/campaigns/{id}", "/campaigns/{id:uuid}"),
        ("/campaigns", "/campaigns"),
        ("/campaigns", "/campaigns/"),
        ("/", "/"),
        ("/campaigns/{id}", "/campaigns/{slug}/wall"),
    ],
)
def test_two_plugins_on_one_path_are_both_named(shelf: Shelf, first: str, second: str) -> None:
    shelf.plugin("parks", REGISTER_ROUTES.format(f"Route({first!r}, object())"))
    shelf.plugin("trees", REGISTER_ROUTES.format(f"Route({second!r}, object())"), version="4")
    problem = shelf.only_problem(PluginConflict)
    assert (problem.plugin, problem.version, problem.others) == ("trees", "4", ("parks",))
    assert "parks (changemaker-parks 1.2.3)" in problem.problem


@pytest.mark.parametrize("path", ["/campaigns/{id}/x", "/campaigns/new", "/campaign"])
def test_paths_that_only_look_alike_are_no_conflict(shelf: Shelf, path: str) -> None:
    shelf.plugin("parks", REGISTER_ROUTES.format("Route('/campaigns/{id}', object())"))
    shelf.plugin("trees", REGISTER_ROUTES.format(f"Route({path!r}, object())"))
    assert names(shelf.load()) == ["parks", "trees"]


def test_one_plugin_twice_on_one_path(shelf: Shelf) -> None:
    shelf.plugin("parks", REGISTER_ROUTES.format("Route('/x/{id}', 1), Route('/x/{slug}', 2)"))
    assert "twice" in shelf.only_problem(PluginConflict).problem


def test_two_plugins_with_one_metric(shelf: Shelf) -> None:
    body = "@hookimpl\ndef cm_register_metrics(self): return [Metric('cm_benches', 'x')]"
    shelf.plugin("parks", body)
    shelf.plugin("trees", body)
    assert (
        "metric 'cm_benches' already belongs to parks" in shelf.only_problem(PluginConflict).problem
    )


# -- the report


def test_everything_that_is_wrong_is_in_one_report(shelf: Shelf) -> None:
    shelf.plugin("a", head="raise ValueError")
    shelf.plugin("b", "requires = ('nowhere',)")
    shelf.plugin("c", requires=("changemaker-core>=9",))
    shelf.plugin("d", "@hookimpl\ndef cm_register_rotues(self): return []")
    shelf.plugin("e", REGISTER_ROUTES.format("Route('/x', 1)"))
    shelf.plugin("f", REGISTER_ROUTES.format("Route('/x', 1)"))
    shelf.plugin("g", "requires = ('h',)")
    shelf.plugin("h", "requires = ('g',)")
    shelf.toml("[plugins]\ndeny = ['zeppelin']\n[i]\nx = 1\n")
    report = shelf.failure()
    assert [problem.plugin for problem in report.problems] == list("abcdfgi")
    text = str(report)
    assert text.startswith("The configuration has 1 problem:\n  changemaker.toml:4: i is a table")
    assert "Changemaker cannot start: 6 problems." in text
    for problem in report.problems:
        assert problem.fix in text
        assert problem.in_configuration or problem.problem in text


def test_the_report_is_the_same_every_time(shelf: Shelf) -> None:
    for name in "cab":
        shelf.plugin(name, "@hookimpl\ndef cm_register_rotues(self): return []")
    assert str(shelf.failure()) == str(shelf.failure())
