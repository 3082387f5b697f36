"""No route open by accident, none hiding another; every problem names plugin and fix."""

from __future__ import annotations

import msgspec
import pytest

from changemaker_core import Plugin, PluginInfo, Route, RouteInfo, endpoint, hookimpl
from changemaker_core.app import create_app
from changemaker_core.plugin import manager
from changemaker_core.plugin.errors import BootFailed, PluginConflict, PluginInvalid
from changemaker_core.site import core
from changemaker_core.testing import source_problems
from changemaker_core.testing.fixtures.site import client_of

pytestmark = pytest.mark.database("sqlite")


class Fine:
    @endpoint(public=True)
    async def on_get(self, req, resp, **params):
        return {"who": "fine"}


class Open:
    async def on_get(self, req, resp):
        resp.text = "open"

    @endpoint(public=True)
    async def on_post(self, req, resp):
        return {}


class Silent:
    pass


def plugin(plugin_name, *routes):
    class Made(Plugin):
        name = plugin_name

        @hookimpl
        def cm_register_routes(self):
            return list(routes)

    return Made


def problems(make_config, *plugins):
    with pytest.raises(BootFailed) as failed:
        create_app(make_config(), plugins)
    return failed.value.problems


@pytest.mark.parametrize(
    ("routes", "kind", "words"),
    [
        ([Route("/api/open", Open())], PluginInvalid, ["Open.on_get", "/api/open", "@endpoint"]),
        ([Route("/api/silent", Silent())], PluginInvalid, ["Silent", "has no responder"]),
        ([Route("/api/x", Fine(), suffix="item")], PluginInvalid, ["on_get_item"]),
        (
            [Route("/api/x/{id}", Fine()), Route("/api/x/{campaign_id}/y", Fine())],
            PluginConflict,
            ["/api/x/{campaign_id}/y", "{id}"],
        ),
        (
            [Route("/api/x/{id}", Fine()), Route("/api/x/{slug}", Fine())],
            PluginConflict,
            ["/api/x/{slug}", "/api/x/{id}"],
        ),
    ],
)
def test_a_wrong_route_is_refused(make_config, routes, kind, words):
    [problem] = problems(make_config, plugin("probe", *routes))
    assert isinstance(problem, kind)
    assert problem.plugin == "probe" and problem.fix
    assert all(word in str(problem) for word in words), str(problem)


def test_all_problems_come_at_once(make_config):
    one = plugin("one", Route("/api/open", Open()))
    two = plugin("two", Route("/api/silent", Silent()), Route("/api/open2", Open()))
    assert [each.plugin for each in problems(make_config, one, two)] == ["one", "two", "two"]


@pytest.mark.parametrize(
    ("options", "mounted"),
    [
        ({}, {"one", "two"}),
        ({"only": ["one"]}, {"one"}),
        ({"except_": ["one"]}, {"two"}),
    ],
)
async def test_only_and_except_choose_whose_routes_are_mounted(make_config, options, mounted):
    plugins = [plugin(name, Route(f"/api/{name}", Fine())) for name in ("one", "two")]
    app = create_app(make_config(), plugins, **options)
    async with client_of(app) as client:
        responses = {name: await client.get(f"/api/{name}") for name in ("one", "two")}
        assert {name for name, each in responses.items() if each.status_code == 200} == mounted
        assert (await client.get("/api/health/live")).status_code == 200
    app.site.close()


def test_a_site_lists_its_plugins_and_every_method_of_every_route(make_site):
    class Letters:
        @endpoint(permission="accounts.me.read")
        async def on_get(self, req, resp, *, id):
            return {}

        @endpoint(public=True, max_body=5_000_000)
        async def on_post(self, req, resp, *, id):
            return {}

    site = make_site(plugin("letters", Route("/letters/{id}", Letters())), max_body_bytes=900)
    assert [each for each in site.routes() if each.plugin == "letters"] == [
        RouteInfo("GET", "/letters/{id}", "letters", "accounts.me.read", 900),
        RouteInfo("POST", "/letters/{id}", "letters", None, 5_000_000),
    ]
    assert "operations" in {each.plugin for each in site.routes()}
    assert site.plugins()[-1] == PluginInfo("letters", None, None, core=False)
    assert all(each.core for each in site.plugins()[:-1])


def test_a_form_is_listed_and_a_route_that_is_reported_is_left_out(make_config, make_site):
    class Note(msgspec.Struct):
        text: str

    class Notes:
        @endpoint(public=True, form=Note)
        async def on_post(self, req, resp, *, form):
            return {}

    mute = plugin("mute", Route("/mute", Silent()), Route("/notes", Notes()))
    site = make_site()
    found = manager.survey([mute], make_config(), site, core=core())
    assert [type(problem) for problem in found.problems] == [PluginInvalid]
    (route,) = [each for each in site.routes() if each.plugin == "mute"]
    assert (route.path, route.form, route.responder.__name__) == ("/notes", Note, "on_post")
    assert [each for each in source_problems(site) if each.owner == "mute"] == []
