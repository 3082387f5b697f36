"""What settings make of the public pages: name, colours, footer, logo and privacy notice."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from changemaker_core import Plugin, Route, SettingRejected, TemplateResponse, endpoint
from changemaker_core.settings.colors import DARK, ENOUGH, LIGHT, contrast, readable, text_on
from changemaker_core.settings.own import Appearance
from changemaker_core.testing import client_of, signed_in

pytestmark = pytest.mark.database("sqlite")
COLORS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


class HomePage:
    @endpoint(public=True, cache=300)
    async def on_get(self, req: Any, resp: Any) -> TemplateResponse:
        """A page in the cache."""
        return TemplateResponse("frames/public.html")


class HomePlugin(Plugin):
    name = "home"
    contributes = (Route("/home", HomePage()),)


async def test_a_page_in_the_cache_shows_a_change_at_once(open_app: Any) -> None:
    async with (
        open_app(HomePlugin) as app,
        signed_in(app, "SUPER_ADMIN") as client,
        client_of(app) as visitor,
    ):

        async def page(language: str) -> str:
            return (await visitor.get("/home", headers={"Accept-Language": language})).text

        async def change(group: str, **values: Any) -> None:
            response = await client.patch(f"/api/settings/{group}", json={"values": values})
            assert response.status_code == 200, response.text

        assert "Changemaker" in await page("en")
        footer = {"en": "12 River Street\n\nUnceded land", "fr": "12, rue de la Rivière"}
        await change("organisation", name="Prairie <Transit> Alliance", short_name="PTA")
        await change("organisation", footer=footer, privacy={"fr": "Nous ne gardons rien."})
        english, french = await page("en"), await page("fr")
        assert "<span>PTA</span>" in english
        assert "Prairie &lt;Transit&gt; Alliance</title>" in english
        assert english.count("site-footer-text") == 3  # two paragraphs and a link
        assert "12, rue de la Rivière" in french
        assert "Avis de confidentialité" in french
        # In a language that the notice has not, it is shown in the one it has.
        assert "Nous ne gardons rien." in (await visitor.get("/privacy")).text
        await change("organisation", privacy=None)
        assert (await visitor.get("/privacy")).status_code == 404


async def test_colours_are_a_style_sheet_of_their_own(open_app: Any) -> None:
    async with (
        open_app(HomePlugin) as app,
        signed_in(app, "SUPER_ADMIN") as client,
        client_of(app) as visitor,
    ):
        assert "/colors/" not in (await visitor.get("/home")).text
        url = "/api/settings/appearance"
        light = await client.patch(url, json={"values": {"brand": "#FFCC00"}})
        (error,) = light.json()["errors"]
        assert error["field"] == "values.brand"
        proposal = error["message"].partition("Choose ")[2][:7]
        assert (await client.patch(url, json={"values": {"brand": proposal}})).status_code == 200
        html = (await visitor.get("/home")).text
        path = html.partition('href="/colors/')[2].partition('"')[0]
        sheet = await visitor.get(f"/colors/{path}")
        assert f"--brand: {proposal};" in sheet.text
        assert sheet.headers["content-type"].startswith("text/css")
        assert "immutable" in sheet.headers["cache-control"]
        old = await visitor.get("/colors/0011223344556677.css")
        assert (old.status_code, old.headers["location"]) == (302, f"/colors/{path}")


async def test_a_logo_is_uploaded_and_shown(open_app: Any) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (300, 100), "#0d5f58").save(picture, "PNG")
    async with (
        open_app(HomePlugin) as app,
        signed_in(app, "SUPER_ADMIN") as client,
        client_of(app) as visitor,
    ):
        images = "/api/settings/images"
        stored = await client.post(
            images, content=picture.getvalue(), headers={"Content-Type": "image/png"}
        )
        assert stored.status_code == 201, stored.text
        values = {"values": {"logo": stored.json()["path"]}}
        done = await client.patch("/api/settings/organisation", json=values)
        assert done.status_code == 200, done.text
        assert 'class="brand-logo"' in (await visitor.get("/home")).text
        for wrong in ("https://elsewhere.example/logo.png", "/images/../../etc/passwd"):
            values = {"values": {"logo": wrong}}
            refused = await client.patch("/api/settings/organisation", json=values)
            assert refused.status_code == 422, wrong
        text = await client.post(images, content=b"no", headers={"Content-Type": "image/png"})
        assert text.status_code == 422


async def test_visitors_of_other_languages_get_the_site_s_own(open_app: Any) -> None:
    async with (
        open_app(HomePlugin) as app,
        signed_in(app, "SUPER_ADMIN") as client,
        client_of(app) as visitor,
    ):

        async def language(path: str) -> str:
            page = (await visitor.get(path, headers={"Accept-Language": "de"})).text
            return page.partition('<html lang="')[2][:2]

        assert await language("/home") == "en"
        url = "/api/settings/regional"
        wrong = await client.patch(url, json={"values": {"default_locale": "de"}})
        assert wrong.status_code == 422
        await client.patch(url, json={"values": {"default_locale": "fr"}})
        assert await language("/home") == "fr"
        assert app.site.default_locale == "fr"


@given(COLORS)
def test_a_proposed_colour_can_be_read(color: str) -> None:
    for background in (LIGHT, DARK):
        assert contrast(readable(color, background), background) >= ENOUGH
    assert contrast(text_on(color), color) >= ENOUGH
    try:
        chosen = Appearance(brand=color)
    except SettingRejected as error:
        chosen = Appearance(brand=error.message.partition("Choose ")[2][:7])
    assert ":root" in chosen.stylesheet or chosen == Appearance()
