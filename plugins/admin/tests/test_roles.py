"""The pages about roles."""

from __future__ import annotations

import pytest

from changemaker_admin.plugin import AdminPlugin
from changemaker_core import Permission, Plugin, Role, Text
from changemaker_core.features.accounts import api as accounts
from changemaker_core.testing import as_role

READ, WRITE = "parks.park.read", "parks.park.write"


class ParksPlugin(Plugin):
    """Two permissions, and a role that may make roles and see parks."""

    name = "parks"
    contributes = (
        Permission(READ, Text("See parks")),
        Permission(WRITE, Text("Edit parks")),
        Role(
            "PARKS_LEAD",
            Text("Makes roles"),
            frozenset({READ, accounts.READ_ROLES, accounts.WRITE_ROLES}),
        ),
    )


async def stored(site, name):
    return next((r for r in await site.db.all(accounts.stored_roles()) if r.name == name), None)


async def test_a_role_is_made_changed_and_deleted(open_app):
    async with open_app(ParksPlugin, AdminPlugin) as app, as_role(app, "SUPER_ADMIN") as client:
        fields = {"name": "HELPER", "description": "Helps <b>", "permissions": [READ]}
        made = await client.submit("/admin/roles/new", fields)
        assert made.headers["location"] == "/admin/roles/HELPER", made.text
        changed = await client.submit("/admin/roles/HELPER", {"permissions": [READ, WRITE]})
        assert changed.status_code == 303
        role = await stored(app.site, "HELPER")
        overview = await client.get("/admin/roles")
        deleted = await client.submit("/admin/roles/HELPER/delete")
        assert deleted.status_code == 303
        gone = await stored(app.site, "HELPER")
    assert (role.description, role.permissions) == ("Helps <b>", [READ, WRITE])
    assert "Helps &lt;b&gt;" in overview.text
    assert "Made here" in overview.text
    assert gone is None


@pytest.mark.database("sqlite")
async def test_a_role_that_is_held_says_who_holds_it(open_app):
    async with open_app(ParksPlugin, AdminPlugin) as app, as_role(app, "SUPER_ADMIN") as client:
        fields = {"name": "HELPER", "description": "Helps", "permissions": [READ]}
        await client.submit("/admin/roles/new", fields)
        async with as_role(app, "HELPER"):
            refused = await client.submit("/admin/roles/HELPER/delete")
    assert refused.status_code == 409
    assert "This role is held by" in refused.text


@pytest.mark.database("sqlite")
async def test_nobody_makes_or_changes_a_role_that_allows_more_than_they_may_do(open_app):
    async with open_app(ParksPlugin, AdminPlugin) as app, as_role(app, "SUPER_ADMIN") as root:
        strong = {"name": "STRONG", "description": "Strong", "permissions": [READ, WRITE]}
        await root.submit("/admin/roles/new", strong)
        async with as_role(app, "PARKS_LEAD") as lead:
            page = await lead.get("/admin/roles/new")
            made = await lead.submit("/admin/roles/new", {**strong, "name": "MINE"})
            shown = await lead.get("/admin/roles/STRONG")
            built_in = await lead.get("/admin/roles/PARKS_LEAD")
        mine = await stored(app.site, "MINE")
    assert "you may not do this, so you cannot give it" in page.text
    assert made.status_code == 422
    assert f"You cannot give or take away what you do not hold: {WRITE}" in made.text
    assert mine is None
    assert "something that you may not do" in shown.text
    assert "comes with a plugin" in built_in.text


@pytest.mark.database("sqlite")
async def test_the_second_of_two_who_edit_a_role_is_told(open_app):
    async with open_app(ParksPlugin, AdminPlugin) as app, as_role(app, "SUPER_ADMIN") as client:
        fields = {"name": "HELPER", "description": "Helps", "permissions": [READ]}
        await client.submit("/admin/roles/new", fields)
        page = await client.get("/admin/roles/HELPER")
        marks = {
            name: page.text.split(f'name="{name}" value="')[1].split('"')[0]
            for name in ("version", "seen")
        }
        await client.submit("/admin/roles/HELPER", {"permissions": [READ, WRITE]})
        second = await client.submit(
            "/admin/roles/HELPER", {**marks, "description": "Mine", "permissions": [READ]}
        )
        role = await stored(app.site, "HELPER")
    assert second.status_code == 409
    assert 'value="Mine"' in second.text
    assert "saved this while you were editing" in second.text
    assert role.permissions == [READ, WRITE]
    # What the other one has ticked is taken over: it was not this one's to take away.
    assert f'value="{WRITE}" checked' in second.text
