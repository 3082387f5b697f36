"""What search engines, previews of links and browsers ask of every site."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import httpx
import pytest

from changemaker_core import (
    NavigationEntry,
    PageMetadata,
    Plugin,
    Route,
    SitemapPage,
    SitemapSection,
    TemplateResponse,
    Text,
    endpoint,
    hookimpl,
)
from changemaker_core.plugin.errors import BootFailed
from changemaker_core.testing import client_of
from changemaker_core.web import sitemap

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BASE = "https://act.example.org"
MAY = datetime(2026, 5, 1, 12, tzinfo=UTC)
NAMESPACE = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


class Page:
    def __init__(self, metadata: PageMetadata | None) -> None:
        self._metadata = metadata

    @endpoint(public=True, cache=60)
    async def on_get(self, req: Any, resp: Any) -> TemplateResponse:
        return TemplateResponse("frames/public.html", {}, metadata=self._metadata)


FULL = PageMetadata(
    Text("Sign in"), 'Trees & <b>"bees"</b>\n' * 30, image="/garden/a.png", image_alt="A tree"
)


async def trees(site: Any, offset: int, limit: int) -> list[SitemapPage]:
    last = min(offset + limit, GardenPlugin.trees)
    return [SitemapPage(f"/trees/{n}?a=1&b", MAY) for n in range(offset, last)]


async def count(site: Any) -> int:
    return GardenPlugin.trees


class GardenPlugin(Plugin):
    name = "garden"
    trees = 3

    @hookimpl
    def cm_register_routes(self) -> list[Route]:
        pages = {"/full": FULL, "/private": PageMetadata("x", indexed=False), "/plain": None}
        moved = {"/moved": PageMetadata("x", canonical="/full")}
        return [Route(path, Page(metadata)) for path, metadata in {**pages, **moved}.items()]

    @hookimpl
    def cm_register_navigation(self) -> list[NavigationEntry]:
        return [NavigationEntry("Trees", "/full")]

    @hookimpl
    def cm_register_sitemap(self) -> list[SitemapSection]:
        return [SitemapSection("garden.trees", trees, count)]


@pytest.fixture
async def visitor(open_app: Any) -> AsyncIterator[Any]:
    async with open_app(GardenPlugin, base_url=BASE) as app, client_of(app) as client:
        yield client


def tags(html: str) -> dict[str, list[str]]:
    """The head's ``link`` and ``meta``: what each says, by its rel, name or property."""
    found: dict[str, list[str]] = {}
    for tag in re.findall(r"<(?:link|meta) [^>]+>", html):
        key = re.search(r'(?:rel|name|property)="([^"]+)"', tag)
        value = re.search(r'(?:href|content)="([^"]*)"', tag)
        if key and value:
            found.setdefault(key[1], []).append(value[1])
    return found


async def test_a_page_says_what_previews_and_search_engines_show(visitor: Any) -> None:
    html = (await visitor.get("/full")).text
    head = tags(html)
    assert "<title>Sign in · Changemaker</title>" in html
    assert head["canonical"] == head["og:url"] == [f"{BASE}/full"]
    assert head["og:title"] == ["Sign in"]
    assert head["og:image"] == [f"{BASE}/garden/a.png"]
    assert head["og:image:alt"] == ["A tree"]
    assert head["twitter:card"] == ["summary_large_image"]
    (description,) = head["description"]
    assert head["og:description"] == [description]
    assert description.startswith("Trees &amp; &lt;b&gt;&#34;bees&#34;&lt;/b&gt; Trees")
    assert description.endswith("…")


async def test_every_language_has_an_address_that_search_engines_can_keep(visitor: Any) -> None:
    english = tags((await visitor.get("/full")).text)
    assert english["alternate"] == [f"{BASE}/full?hl=en", f"{BASE}/full?hl=fr", f"{BASE}/full"]
    for address, language in (("/full?hl=fr", "fr"), ("/full?hl=en", "en"), ("/full?hl=xx", "en")):
        response = await visitor.get(address, headers={"Accept-Language": "en"})
        assert response.status_code == 200
        assert f'<html lang="{language}">' in response.text
        assert "set-cookie" not in response.headers
    french = tags((await visitor.get("/full?hl=fr")).text)
    assert french["canonical"] == [f"{BASE}/full?hl=fr"]
    assert french["alternate"] == english["alternate"]
    switch = (await visitor.get("/full?hl=fr&page=2")).text
    assert 'href="?page=2&amp;lang=en"' in switch
    response = await visitor.get("/full?hl=fr&page=2&lang=en")
    assert response.headers["location"] == "/full?page=2"


async def test_a_page_can_have_another_address_or_none(visitor: Any) -> None:
    assert tags((await visitor.get("/moved")).text)["canonical"] == [f"{BASE}/full"]
    private = tags((await visitor.get("/private")).text)
    assert private["robots"] == ["noindex"]
    assert not private.keys() & {"canonical", "alternate", "og:title"}
    assert not tags((await visitor.get("/plain")).text).keys() & {"canonical", "robots"}


async def test_metadata_and_icons_are_right_under_a_prefix(open_app: Any) -> None:
    async with open_app(GardenPlugin, base_url=f"{BASE}/act") as app:
        transport = httpx.ASGITransport(app=app, root_path="/act")
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as visitor:
            head = tags((await visitor.get("/act/full")).text)
            assert head["canonical"] == [f"{BASE}/act/full"]
            assert head["og:image"] == [f"{BASE}/act/garden/a.png"]
            icons = [*head["icon"], *head["apple-touch-icon"]]
            assert all(icon.startswith("/act/static/") for icon in icons)
            robots = (await visitor.get("/act/robots.txt")).text
            assert "Disallow: /act/api/\n" in robots
            assert f"Sitemap: {BASE}/act/sitemap.xml\n" in robots


@pytest.mark.parametrize("wrong", ["tree.png", "javascript:alert(1)", "//elsewhere"])
def test_an_image_that_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="neither a path"):
        PageMetadata("x", image=wrong)


def locations(xml: bytes) -> list[str]:
    return [str(each.text) for each in ElementTree.fromstring(xml).iter(f"{NAMESPACE}loc")]  # noqa: S314  # our own


async def test_the_sitemap_lists_the_pages_of_every_plugin(visitor: Any) -> None:
    response = await visitor.get("/sitemap.xml")
    assert response.headers["content-type"] == "application/xml; charset=utf-8"
    files = locations(response.content)
    assert files == [f"{BASE}/sitemaps/operations.menu-1", f"{BASE}/sitemaps/garden.trees-1"]
    menu, own = [await visitor.get(file.removeprefix(BASE)) for file in files]
    assert locations(menu.content) == [f"{BASE}/full"]
    assert locations(own.content) == [f"{BASE}/trees/{n}?a=1&b" for n in range(3)]
    assert b"<lastmod>2026-05-01T12:00:00+00:00</lastmod>" in own.content


async def test_more_pages_than_a_file_holds_are_in_several(
    visitor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GardenPlugin, "trees", 12)
    monkeypatch.setattr(sitemap, "PAGES_PER_FILE", 5)
    files = locations((await visitor.get("/sitemap.xml")).content)[1:]
    assert len(files) == 3
    found = [
        page
        for file in files
        for page in locations((await visitor.get(file.removeprefix(BASE))).content)
    ]
    assert found == [f"{BASE}/trees/{n}?a=1&b" for n in range(12)]
    assert (await visitor.get("/sitemaps/garden.trees-4")).status_code == 404


@pytest.mark.parametrize("name", ["garden.trees", "garden.trees-0", "garden.trees-01", "x-1", "-1"])
async def test_any_other_file_of_the_sitemap_is_not_found(visitor: Any, name: str) -> None:
    assert (await visitor.get(f"/sitemaps/{name}")).status_code == 404


async def test_a_section_has_its_plugin_s_name(open_app: Any) -> None:
    class Foreign(GardenPlugin):
        @hookimpl
        def cm_register_sitemap(self) -> list[SitemapSection]:
            return [SitemapSection("tools.trees", trees)]

    with pytest.raises(BootFailed, match=r"does not begin with 'garden\.'"):
        async with open_app(Foreign):
            pass


async def test_crawlers_stay_out_of_a_site_in_development(open_app: Any) -> None:
    async with open_app(GardenPlugin, development=True) as app, client_of(app) as visitor:
        assert (await visitor.get("/robots.txt")).text == "User-agent: *\nDisallow: /\n"


@pytest.mark.parametrize(
    ("path", "kind"), [("/favicon.ico", "image/x-icon"), ("/apple-touch-icon.png", "image/png")]
)
async def test_icons_are_where_programs_ask_for_them(visitor: Any, path: str, kind: str) -> None:
    response = await visitor.get(path)
    assert (response.status_code, response.headers["content-type"]) == (200, kind)
    again = await visitor.get(path, headers={"If-None-Match": response.headers["etag"]})
    assert again.status_code == 304


async def test_the_operator_replaces_an_icon_with_a_file(make_site: Any, tmp_path: Any) -> None:
    folder = tmp_path / "static" / "core"
    folder.mkdir(parents=True)
    (folder / "favicon.ico").write_bytes(b"ours")
    response = await make_site(GardenPlugin).static.response("core/favicon.ico")
    assert response.body == b"ours"
