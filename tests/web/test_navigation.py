"""What plugins offer to the public pages: the home page and the menu."""

from __future__ import annotations

from typing import Any

import pytest

from changemaker_core import (
    HomePage,
    NavigationEntry,
    Plugin,
    Route,
    TemplateResponse,
    Text,
    endpoint,
    hookimpl,
)
from changemaker_core.plugin.errors import BootFailed
from changemaker_core.testing.fixtures.site import client_of
from changemaker_core.web.checks import check_home_page


class GardenPage:
    """A page in the public frame."""

    @endpoint(public=True)
    async def on_get(self, req: Any, resp: Any, **_: Any) -> TemplateResponse:
        return TemplateResponse("frames/public.html")


class Garden(Plugin):
    name = "garden"

    @hookimpl
    def cm_register_routes(self) -> list[Route]:
        return [Route("/garden", GardenPage()), Route("/garden/{id}", GardenPage())]

    @hookimpl
    def cm_register_home_page(self) -> list[HomePage]:
        return [HomePage("/garden")]

    @hookimpl
    def cm_register_navigation(self) -> list[NavigationEntry]:
        return [NavigationEntry(Text("Garden <1>"), "/garden")]


class Pond(Plugin):
    name = "pond"
    after = ("garden",)

    @hookimpl
    def cm_register_routes(self) -> list[Route]:
        return [Route("/pond", GardenPage())]

    @hookimpl
    def cm_register_home_page(self) -> list[HomePage]:
        return [HomePage("/pond")]

    @hookimpl
    def cm_register_navigation(self) -> list[NavigationEntry]:
        return [NavigationEntry(Text("Pond"), "/pond", order=1)]


async def test_the_first_plugin_in_load_order_has_the_home_page(open_app: Any) -> None:
    async with open_app(Pond, Garden) as app, client_of(app) as client:
        response = await client.get("/")
        assert (response.status_code, response.headers["location"]) == (302, "/garden")
        (finding,) = check_home_page(app.site)
        assert finding.status == "warning"
        assert "/garden (garden), /pond (pond). / leads to the first." in finding.detail


async def test_the_operator_decides_and_core_alone_has_none(open_app: Any) -> None:
    async with open_app(Pond, Garden, home_page="/pond") as app, client_of(app) as client:
        assert (await client.get("/")).headers["location"] == "/pond"
        assert [finding.status for finding in check_home_page(app.site)] == ["ok"]
    async with open_app() as app, client_of(app) as client:
        assert (await client.get("/")).status_code == 404
        assert [finding.status for finding in check_home_page(app.site)] == ["warning"]


async def test_the_menu_is_in_the_frame_and_marks_where_one_is(open_app: Any) -> None:
    async with open_app(Pond, Garden) as app, client_of(app) as client:
        here = (await client.get("/garden")).text
        below = (await client.get("/garden/7")).text
    assert here.index('href="/pond"') < here.index('href="/garden"')
    assert 'href="/garden" aria-current="page">Garden &lt;1&gt;</a>' in here
    assert 'href="/garden" aria-current="true">' in below
    assert 'href="/pond">Pond</a>' in below


async def test_an_entry_elsewhere_is_refused(open_app: Any) -> None:
    class Astray(Plugin):
        name = "astray"

        @hookimpl
        def cm_register_navigation(self) -> list[NavigationEntry]:
            return [NavigationEntry(Text("Away"), "//example.org")]

    with pytest.raises(BootFailed, match="not a path of this site"):
        async with open_app(Astray):
            pass


async def test_formats_are_those_of_the_operators_region_or_the_first_plugins(
    open_app: Any,
) -> None:
    class British(Plugin):
        name = "british"
        region = "GB"

    async def locales(*plugins: type[Plugin], **config: Any) -> list[str]:
        async with open_app(*plugins, **config) as app:
            return [str(app.site.translations.formats(language)) for language in ("en", "fr")]

    assert await locales() == ["en", "fr"]
    assert await locales(Garden, British) == ["en_GB", "fr"]
    assert await locales(British, region="CA") == ["en_CA", "fr_CA"]
