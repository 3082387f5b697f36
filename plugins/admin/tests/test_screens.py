"""Screens of other plugins: mounted as theirs, in the menu of those who may see them."""

from __future__ import annotations

from typing import ClassVar

import pytest

from changemaker_admin.api import Screen
from changemaker_admin.plugin import AdminPlugin
from changemaker_core import (
    Conflict,
    Permission,
    Plugin,
    Role,
    Scope,
    TemplateResponse,
    Text,
    endpoint,
    hookimpl,
)
from changemaker_core.plugin.errors import BootFailed
from changemaker_core.testing import as_role

READ = "garden.bed.read"


class BedsPage:
    @endpoint(permission=READ, on="*")
    async def on_get(self, req, resp, *, objects):
        return TemplateResponse("frames/admin.html")

    @endpoint(permission=READ)
    async def on_post(self, req, resp):
        raise LookupError("frost")


class BedPage:
    @endpoint(permission=READ)
    async def on_get(self, req, resp, *, slug):
        return TemplateResponse("frames/admin.html")


class PublicPage:
    @endpoint(public=True)
    async def on_get(self, req, resp):
        return {}


async def dry_beds(site, objects):
    """Every bed of the garden is dry, and there are seven."""
    return 7 if objects is None else len(objects)


class GardenPlugin(Plugin):
    name = "garden"
    after = ("admin",)
    errors: ClassVar = {LookupError: Conflict("The beds are frozen.", code="frozen")}
    contributes = (
        Permission(READ, "See beds."),
        Role("GARDENER", "Sees beds.", frozenset({READ})),
        Scope("garden.bed", Text("Bed"), frozenset({READ}), {"4": "Bed 4"}.get),
    )
    screens = (
        Screen("/admin/beds", BedsPage(), Text("Beds"), "people", "flag", count=dry_beds),
        Screen("/admin/beds/{slug}/soil", BedPage()),
    )

    @hookimpl
    def admin_register_screens(self):
        return list(self.screens)


@pytest.mark.database("sqlite")
def test_a_screen_is_its_plugins_own_route(make_site):
    site = make_site(AdminPlugin, GardenPlugin)
    route = next(each for each in site.routes() if each.path == "/admin/beds")
    assert (route.plugin, route.permission) == ("garden", READ)
    entry = next(each for each in site.navigation if each.path == "/admin/beds")
    assert (entry.title, entry.permission, entry.group) == ("Beds", READ, "people")


@pytest.mark.database("sqlite")
@pytest.mark.parametrize(
    ("screen", "report"),
    [
        (Screen("/beds", BedsPage()), "is not under /admin"),
        (Screen("/admin/beds", PublicPage(), "Beds", group="people"), "has no permission"),
        (Screen("/admin/beds", BedsPage(), group="people"), "without a title"),
        (Screen("/admin/beds", BedsPage(), "Beds", group="gardens"), "group='gardens'"),
        (Screen("/admin/beds", BedsPage(), "Beds", group="people", icon="bed"), "icon='bed'"),
        (Screen("/admin", BedsPage()), "is not under /admin"),
        (Screen("/admin/beds", object()), "has no responder"),
    ],
)
def test_a_wrong_screen_is_found_at_boot(make_site, screen, report):
    class Wrong(GardenPlugin):
        screens = (screen,)

    with pytest.raises(BootFailed, match=report) as failed:
        make_site(AdminPlugin, Wrong)
    assert {problem.plugin for problem in failed.value.problems} == {"garden"}


async def test_an_error_of_its_responder_is_mapped_by_its_plugin(open_app):
    async with open_app(AdminPlugin, GardenPlugin) as app, as_role(app, "GARDENER") as client:
        response = await client.post(
            "/admin/beds", headers={"Accept": "application/json", "Sec-Fetch-Site": "same-origin"}
        )
    assert (response.status_code, response.json()["code"]) == (409, "frozen")


@pytest.mark.database("sqlite")
async def test_the_menu_has_what_one_may_see_in_its_group_with_its_count(open_app):
    async with open_app(AdminPlugin, GardenPlugin) as app:
        async with as_role(app, "GARDENER") as client:
            page = (await client.get("/admin/beds/4/soil")).text
        async with as_role(app, "GARDENER", on=("garden.bed", "4")) as client:
            of_one_bed = (await client.get("/admin/beds")).text
        async with as_role(app, "USER") as client:
            assert (await client.get("/admin/beds")).status_code == 403
            of_nobody = (await client.get("/admin")).text
    menu = page[page.index("<nav") : page.index("</nav>")]
    assert menu.index(">Dashboard<") < menu.index(">People</h2>") < menu.index(">Beds<")
    assert 'href="/admin/beds" aria-current="true">' in menu
    assert menu.count("aria-current") == 1
    assert '<span class="admin-menu-count">7</span>' in menu
    assert '<span class="admin-menu-count">1</span>' in of_one_bed
    assert "/admin/beds" not in of_nobody


@pytest.mark.database("sqlite")
async def test_a_count_that_fails_is_logged_and_the_page_is_shown(open_app, caplog):
    async def fails(site, objects):
        raise OSError("no rain gauge")

    class Dry(GardenPlugin):
        screens = (Screen("/admin/beds", BedsPage(), "Beds", "people", count=fails),)

    async with open_app(AdminPlugin, Dry) as app, as_role(app, "GARDENER") as client:
        response = await client.get("/admin/beds")
    assert response.status_code == 200
    assert "admin-menu-count" not in response.text
    assert "The count beside /admin/beds in the menu cannot be read" in caplog.text
