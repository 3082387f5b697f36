"""The ordered locations choose the same upstream for every path as Falcon's router would."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from falcon.routing import CompiledRouter
from hypothesis import given, settings
from hypothesis import strategies as st

from changemaker_core import RouteInfo
from changemaker_deploy.locations import Location, Target, locations_of
from changemaker_deploy.topology import Topology, Upstream

USUAL, UPLOAD = 1_000_000, 5_000_000_000
MAPS = Target("maps")
TOPOLOGY = Topology(
    Upstream("main", ("127.0.0.1:4000",)),
    (
        Upstream("maps", ("127.0.0.1:4100",), ("maps",)),
        Upstream("media", ("127.0.0.1:4200",), ("media",)),
    ),
)


def routes(table, max_body=USUAL):
    """``{path: plugin}`` as routes with a GET each."""
    return [
        RouteInfo("GET", path, plugin, permission=None, max_body=max_body)
        for path, plugin in table.items()
    ]


def patterns(locations):
    return [(each.pattern, each.target.upstream) for each in locations]


def target_of(locations, path):
    for each in locations:
        if re.search(each.pattern, path):
            return each.target
    return Target("main")


def test_a_branch_of_one_plugin_is_one_location():
    table = {"/api/maps": "maps", "/api/maps/{id}": "maps", "/api/other": "influence"}
    locations = locations_of(routes(table), TOPOLOGY, USUAL)
    assert patterns(locations) == [("^/api/maps(/|$)", "maps")]


def test_a_segment_without_a_route_leaves_its_path_to_a_parameter():
    table = {"/b": "media", "/b/a/a": "maps", "/{id}": "maps", "/{id}/a": "media"}
    locations = locations_of(routes(table), TOPOLOGY, USUAL)
    assert target_of(locations, "/b/a").upstream == "media"
    assert target_of(locations, "/b/a/a").upstream == "maps"


def test_the_longer_prefix_comes_first():
    table = {
        "/campaigns": "influence",
        "/campaigns/{id}": "influence",
        "/campaigns/{id}/map": "maps",
        "/campaigns/{id}/map/media": "media",
        "/campaigns/map": "media",
    }
    locations = locations_of(routes(table), TOPOLOGY, USUAL)
    assert patterns(locations) == [
        ("^/campaigns/map/?$", "media"),
        ("^/campaigns/[^/]*/map/media(/|$)", "media"),
        ("^/campaigns/[^/]*/map/?$", "maps"),
    ]
    assert target_of(locations, "/campaigns/7/map").upstream == "maps"
    assert target_of(locations, "/campaigns/7/map/media").upstream == "media"
    assert target_of(locations, "/campaigns/map").upstream == "media"
    assert target_of(locations, "/campaigns/7").upstream == "main"


def test_a_prefix_ends_at_a_segment():
    locations = locations_of(routes({"/map": "maps", "/mapped": "influence"}), TOPOLOGY, USUAL)
    assert target_of(locations, "/map/").upstream == "maps"
    assert target_of(locations, "/mapped").upstream == "main"


def test_routes_of_the_main_process_within_a_split_branch_stay_there():
    table = {"/{slug}": "maps", "/login": "influence", "/feeds/{slug}.ics": "maps"}
    locations = locations_of(routes(table), TOPOLOGY, USUAL)
    assert target_of(locations, "/login").upstream == "main"
    assert target_of(locations, "/anything").upstream == "maps"
    assert target_of(locations, "/feeds/a.ics").upstream == "maps"


def test_only_a_larger_body_than_usual_has_a_limit_of_its_own():
    table = routes({"/api/files": "media"}) + routes({"/api/files": "media"}, UPLOAD)
    table += routes({"/api/tags": "media"})
    locations = locations_of(table, TOPOLOGY, USUAL)
    assert target_of(locations, "/api/files") == Target("media", 5_000_000_000)
    assert target_of(locations, "/api/tags") == Target("media")
    assert locations_of(routes({"/a": "x"}, UPLOAD), TOPOLOGY, 6_000_000_000) == []


def test_a_site_without_splits_needs_no_location():
    table = {"/": "influence", "/a/{id}": "influence", "/static/{path:path}": "operations"}
    assert locations_of(routes(table), TOPOLOGY, USUAL) == []


SEGMENTS = ["a", "b", "{id}", "{id}.ics"]
paths = st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=4).map(lambda s: "/" + "/".join(s))
tables = st.dictionaries(paths, st.sampled_from(["maps", "media", "influence"]), max_size=12)
asked = st.lists(st.sampled_from(["a", "b", "c", "a.ics", "c.ics"]), max_size=5)


def unique_parameters(path):
    """Falcon requires distinct names for the parameters of one path."""
    numbers = iter("abcdef")
    return re.sub(r"\{id\}", lambda _: "{" + next(numbers) + "}", path)


@settings(max_examples=400, deadline=None)
@given(tables, st.lists(asked, min_size=1, max_size=8))
def test_locations_agree_with_the_router(table, questions):
    router = CompiledRouter()
    named = {unique_parameters(path): plugin for path, plugin in table.items()}
    for path, plugin in named.items():
        router.add_route(path, SimpleNamespace(plugin=plugin, on_get=None))
    locations = locations_of(routes(named), TOPOLOGY, USUAL)
    for segments in questions:
        path = "/" + "/".join(segments)
        found = router.find(path)
        if found is not None:
            expected = TOPOLOGY.upstream_of(found[0].plugin).name
            assert target_of(locations, path).upstream == expected, (path, patterns(locations))


@pytest.mark.parametrize(
    ("location", "pattern"),
    [
        (Location("/a.b/{id}", MAPS, prefix=False), r"^/a\.b/[^/]*/?$"),
        (Location("/v1+2", MAPS, prefix=True), r"^/v1\+2(/|$)"),
        (Location("/feeds/{slug}.ics", MAPS, prefix=False), r"^/feeds/[^/]+\.ics/?$"),
        (Location("/files/{path:path}", MAPS, prefix=False), "^/files/.*"),
        (Location("/", MAPS, prefix=False), "^/?$"),
    ],
)
def test_paths_are_written_as_patterns(location, pattern):
    assert location.pattern == pattern
