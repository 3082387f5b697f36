"""Pocket: the numbers, and what keeps them at hand."""

from __future__ import annotations

import json

import pytest

from changemaker_core.testing import client_of, source_problems
from changemaker_pocket.plugin import STORED, PocketPlugin

CONFIG = {"plugin_tables": {"pocket": {"numbers": ["Legal help: 1 613 555-0100"]}}}
pytestmark = pytest.mark.database("sqlite")


def test_templates_and_catalogues_are_sound(make_site):
    assert source_problems(make_site(PocketPlugin)) == []


async def test_the_numbers_are_links(open_app):
    async with open_app(PocketPlugin, **CONFIG) as app, client_of(app) as client:
        page = (await client.get("/pocket", headers={"Accept-Language": "fr"})).text
        assert "Numéros à appeler" in page
        assert '<a href="tel:1613555-0100">1 613 555-0100</a>' in page


async def test_the_worker_stores_what_the_page_needs(open_app):
    async with open_app(PocketPlugin, **CONFIG) as app, client_of(app) as client:
        response = await client.get("/service-workers/pocket.offline")
        first = response.text.partition(";\n")[0]
        stored = json.loads(first.removeprefix("self.precache = "))
        assert stored["urls"] == [app.site.static.url(path) for path in STORED]
        page = (await client.get("/pocket")).text
        assert all(url in page for url in stored["urls"])
