"""The ordered rules say of every path what Falcon's router would."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from falcon.routing import CompiledRouter
from hypothesis import given, settings
from hypothesis import strategies as st

from changemaker_core import Route, endpoint
from changemaker_core.deploy.rules import Rule, Target, rules_of
from changemaker_core.deploy.topology import Topology, Upstream

USUAL = 1_000_000
MAPS = Target("maps")
TOPOLOGY = Topology(
    Upstream("main", ("127.0.0.1:4000",)),
    (
        Upstream("maps", ("127.0.0.1:4100",), ("maps",)),
        Upstream("media", ("127.0.0.1:4200",), ("media",)),
    ),
)


class Page:
    @endpoint(public=True)
    async def on_get(self, req, resp):
        return {}


class Upload(Page):
    @endpoint(public=True, max_body=5_000_000_000)
    async def on_post(self, req, resp):
        return {}


def contributed(table, resource=Page):
    """``{path: plugin}`` as routes with their origin."""
    return [
        SimpleNamespace(item=Route(path, resource()), plugin=SimpleNamespace(name=plugin))
        for path, plugin in table.items()
    ]


def written(rules):
    return [(rule.pattern, rule.target.upstream) for rule in rules]


def target_of(rules, path):
    for rule in rules:
        if re.search(rule.pattern, path):
            return rule.target
    return Target("main")


def test_a_branch_of_one_plugin_is_one_rule():
    table = {"/api/maps": "maps", "/api/maps/{id}": "maps", "/api/other": "influence"}
    rules = rules_of(contributed(table), TOPOLOGY, USUAL)
    assert written(rules) == [("^/api/maps(/|$)", "maps")]


def test_a_step_without_a_route_leaves_its_path_to_a_parameter():
    table = {"/b": "media", "/b/a/a": "maps", "/{id}": "maps", "/{id}/a": "media"}
    rules = rules_of(contributed(table), TOPOLOGY, USUAL)
    assert target_of(rules, "/b/a").upstream == "media"
    assert target_of(rules, "/b/a/a").upstream == "maps"


def test_the_longer_prefix_comes_first():
    table = {
        "/campaigns": "influence",
        "/campaigns/{id}": "influence",
        "/campaigns/{id}/map": "maps",
        "/campaigns/{id}/map/media": "media",
        "/campaigns/map": "media",
    }
    rules = rules_of(contributed(table), TOPOLOGY, USUAL)
    assert written(rules) == [
        ("^/campaigns/map/?$", "media"),
        ("^/campaigns/[^/]*/map/media(/|$)", "media"),
        ("^/campaigns/[^/]*/map/?$", "maps"),
    ]
    assert target_of(rules, "/campaigns/7/map").upstream == "maps"
    assert target_of(rules, "/campaigns/7/map/media").upstream == "media"
    assert target_of(rules, "/campaigns/map").upstream == "media"
    assert target_of(rules, "/campaigns/7").upstream == "main"


def test_a_prefix_does_not_take_what_only_begins_alike():
    rules = rules_of(contributed({"/map": "maps", "/mapped": "influence"}), TOPOLOGY, USUAL)
    assert target_of(rules, "/map/").upstream == "maps"
    assert target_of(rules, "/mapped").upstream == "main"


def test_what_the_main_process_has_within_a_split_branch_stays_there():
    table = {"/{slug}": "maps", "/login": "influence", "/feeds/{slug}.ics": "maps"}
    rules = rules_of(contributed(table), TOPOLOGY, USUAL)
    assert target_of(rules, "/login").upstream == "main"
    assert target_of(rules, "/anything").upstream == "maps"
    assert target_of(rules, "/feeds/a.ics").upstream == "maps"


def test_only_a_larger_body_than_usual_is_told_apart():
    routes = contributed({"/api/files": "media"}, Upload) + contributed({"/api/tags": "media"})
    rules = rules_of(routes, TOPOLOGY, USUAL)
    assert target_of(rules, "/api/files") == Target("media", 5_000_000_000)
    assert target_of(rules, "/api/tags") == Target("media")
    assert rules_of(contributed({"/a": "x"}, Upload), TOPOLOGY, 6_000_000_000) == []


def test_no_split_needs_no_rule():
    table = {"/": "influence", "/a/{id}": "influence", "/static/{path:path}": "operations"}
    assert rules_of(contributed(table), TOPOLOGY, USUAL) == []


STEPS = ["a", "b", "{id}", "{id}.ics"]
paths = st.lists(st.sampled_from(STEPS), min_size=1, max_size=4).map(lambda s: "/" + "/".join(s))
tables = st.dictionaries(paths, st.sampled_from(["maps", "media", "influence"]), max_size=12)
asked = st.lists(st.sampled_from(["a", "b", "c", "a.ics", "c.ics"]), max_size=5)


def unique_parameters(path):
    """Falcon wants other names for other parameters of one path."""
    numbers = iter("abcdef")
    return re.sub(r"\{id\}", lambda _: "{" + next(numbers) + "}", path)


@settings(max_examples=400, deadline=None)
@given(tables, st.lists(asked, min_size=1, max_size=8))
def test_rules_agree_with_the_router(table, questions):
    router = CompiledRouter()
    named = {unique_parameters(path): plugin for path, plugin in table.items()}
    for path, plugin in named.items():
        router.add_route(path, SimpleNamespace(plugin=plugin, on_get=None))
    rules = rules_of(contributed(named), TOPOLOGY, USUAL)
    for steps in questions:
        path = "/" + "/".join(steps)
        found = router.find(path)
        if found is not None:
            expected = TOPOLOGY.serves(found[0].plugin).name
            assert target_of(rules, path).upstream == expected, (path, written(rules))


@pytest.mark.parametrize(
    ("rule", "pattern"),
    [
        (Rule("/a.b/{id}", MAPS, prefix=False), r"^/a\.b/[^/]*/?$"),
        (Rule("/v1+2", MAPS, prefix=True), r"^/v1\+2(/|$)"),
        (Rule("/feeds/{slug}.ics", MAPS, prefix=False), r"^/feeds/[^/]+\.ics/?$"),
        (Rule("/files/{path:path}", MAPS, prefix=False), "^/files/.*"),
        (Rule("/", MAPS, prefix=False), "^/?$"),
    ],
)
def test_paths_are_written_as_patterns(rule, pattern):
    assert rule.pattern == pattern
