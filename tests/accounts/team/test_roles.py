"""Roles that plugins declare and that a site makes, and roles that are limited to one object."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from changemaker_core import RowNotFound, Scope, new_id
from changemaker_core.app import create_app
from changemaker_core.features.accounts import api
from changemaker_core.features.accounts.roles import rights
from changemaker_core.features.accounts.roles.checks import check_roles
from changemaker_core.features.accounts.roles.models import Grant, StoredRole
from changemaker_core.features.accounts.roles.roles import roles_of
from changemaker_core.features.accounts.users.models import User
from changemaker_core.testing import as_role, run_jobs
from tests.accounts.team import parks
from tests.accounts.team.parks import ParksPlugin

ROLE = {"name": "PARK_HELPER", "description": "Helps in parks", "permissions": [parks.READ]}


async def test_roles_are_listed_made_copied_changed_and_deleted(open_team):
    async with open_team() as team:
        root = await team.administrator()
        listed = (await root.client.get("/api/roles")).json()["data"]
        assert [each["name"] for each in listed] == [
            "PARKS_ADMIN",
            "PARKS_READER",
            "SUPER_ADMIN",
            "TEMP",
            "USER",
        ]
        assert all(each["built_in"] for each in listed)
        french = await root.client.get("/api/roles/USER", headers={"Accept-Language": "fr"})
        assert french.json()["description"] == "Peut se connecter"

        made = await root.client.post("/api/roles", json=ROLE)
        assert made.status_code == 201
        assert made.json() == {**ROLE, "built_in": False, "unknown_permissions": []}
        assert await root.status("POST", "/api/roles", **ROLE) == 409
        assert await root.status("POST", "/api/roles", **{**ROLE, "name": "USER"}) == 409
        copied = {"name": "COPY", "description": "{braces}", "copy_of": "PARKS_ADMIN"}
        copy = (await root.client.post("/api/roles", json=copied)).json()
        assert copy["permissions"] == sorted([parks.READ, parks.WRITE, parks.CLOSE])
        assert copy["description"] == "{braces}"

        for wrong in (
            {"permissions": ["parks.park.reed"]},
            {"permissions": ["*"]},
            {"name": "park helper"},
            {"copy_of": "PARKS_ADMIN"},
            {"permissions": None},
            {"permissions": None, "copy_of": "NOBODY"},
        ):
            body = {**ROLE, "name": "OTHER", **wrong}
            assert await root.status("POST", "/api/roles", **body) == 422, wrong

        for method, json in (("PATCH", {"description": "x"}), ("DELETE", {})):
            response = await root.client.request(method, "/api/roles/USER", json=json or None)
            assert response.json()["code"] == "role_is_built_in"
            assert await root.status(method, "/api/roles/NOBODY", **json) == 404
        change = {"permissions": [parks.READ, parks.WRITE]}
        changed = (await root.client.patch("/api/roles/PARK_HELPER", json=change)).json()
        assert changed["permissions"] == change["permissions"]
        assert await root.status("DELETE", "/api/roles/COPY") == 204

        permissions = (await root.client.get("/api/permissions")).json()["data"]
        assert {each["name"]: each["scopes"] for each in permissions}[parks.READ] == ["parks.park"]
        scopes = (await root.client.get("/api/scopes")).json()["data"]
        assert [each["name"] for each in scopes] == ["parks.park"]


async def test_a_role_that_somebody_holds_is_not_deleted(open_team):
    async with open_team() as team:
        root = await team.administrator()
        await team.role("PARK_HELPER", parks.READ)
        sam = await team.join("PARK_HELPER")
        refused = (await root.client.delete("/api/roles/PARK_HELPER")).json()
        assert refused["code"] == "role_in_use"
        assert "Sam PARK_HELPER" in refused["detail"]
        await root.status("PATCH", sam.path, role="USER")
        grant = {"role": "PARK_HELPER", "scope": "parks.park", "object_id": "elm"}
        held = (await root.client.post(f"{sam.path}/grants", json=grant)).json()
        assert await root.status("DELETE", "/api/roles/PARK_HELPER") == 409
        assert await root.status("DELETE", f"{sam.path}/grants/{held['id']}") == 204
        assert await root.status("DELETE", "/api/roles/PARK_HELPER") == 204


async def test_permissions_of_a_plugin_that_is_gone_are_kept_and_shown(open_team):
    async with open_team() as team:
        root = await team.administrator()
        await team.role("PARK_HELPER", parks.READ)
        old = [parks.READ, "trees.tree.read"]
        await team.site.db.write(lambda tx: StoredRole.update(permissions=old).execute())
        role = (await root.client.get("/api/roles/PARK_HELPER")).json()
        assert role["unknown_permissions"] == ["trees.tree.read"]
        added = [*old, parks.WRITE]
        changed = await root.client.patch("/api/roles/PARK_HELPER", json={"permissions": added})
        assert changed.json()["permissions"] == sorted(added)
        copy = {"name": "COPY", "description": "x", "copy_of": "PARK_HELPER"}
        assert (await root.client.post("/api/roles", json=copy)).json()["unknown_permissions"] == []


async def test_nobody_makes_or_changes_a_role_that_allows_more_than_they_hold(open_team):
    async with open_team() as team:
        await team.role("ROLE_MAKER", "accounts.role.read", "accounts.role.write", parks.READ)
        await team.role("CLOSER", parks.CLOSE)
        maker = await team.join("ROLE_MAKER")
        assert await maker.status("POST", "/api/roles", **ROLE) == 201
        more = {**ROLE, "name": "MORE", "permissions": [parks.CLOSE]}
        assert await maker.status("POST", "/api/roles", **more) == 403
        copy = {"name": "MORE", "description": "x", "copy_of": "SUPER_ADMIN"}
        assert await maker.status("POST", "/api/roles", **copy) == 403
        for permissions in ([parks.CLOSE], []):  # neither more for oneself nor less for others
            path = f"/api/roles/{'ROLE_MAKER' if permissions else 'CLOSER'}"
            assert await maker.status("PATCH", path, permissions=permissions) == 403
        assert await maker.status("PATCH", "/api/roles/CLOSER", description="Harmless") == 403
        assert await maker.status("DELETE", "/api/roles/CLOSER") == 403


async def test_a_role_for_one_park_allows_what_it_does_in_that_park_alone(open_team):
    async with open_team() as team:
        root, sam = await team.administrator(), await team.join()
        assert await sam.status("GET", "/api/parks") == 403
        grant = {"role": "PARKS_ADMIN", "scope": "parks.park", "object_id": "elm"}
        made = await root.client.post(f"{sam.path}/grants", json=grant)
        assert made.json()["title"] == "Elm Park"
        again = await root.client.post(f"{sam.path}/grants", json=grant)
        assert again.json() == made.json()

        assert (await sam.client.get("/api/parks")).json() == {"data": ["elm"]}
        assert await sam.status("GET", "/api/parks/elm") == 200
        # Whether there is such a park is not for them to know.
        texts = [(await sam.client.get(f"/api/parks/{id}")).json() for id in ("oak", "nowhere")]
        for text in texts:
            text.pop("request_id")
            text.pop("instance", None)
        assert texts[0] == texts[1]
        assert await sam.status("DELETE", "/api/parks/elm") == 403  # is held for no single park
        detail = (await root.client.get(sam.path)).json()
        assert detail["permissions"] == ["accounts.me.read", "accounts.me.write"]
        assert [each["object_id"] for each in detail["grants"]] == ["elm"]

        for wrong in ({"role": "NOBODY"}, {"scope": "parks.tree"}, {"object_id": "nowhere"}):
            response = await root.client.post(f"{sam.path}/grants", json={**grant, **wrong})
            assert response.status_code == 422, wrong
            assert response.json()["errors"][0]["field"] == next(iter(wrong))
        assert "no object nowhere of the kind parks.park" in response.text
        # A role with nothing that can be held for one park would be a grant of nothing.
        assert await root.status("POST", f"{sam.path}/grants", **{**grant, "role": "USER"}) == 422
        assert await root.status("DELETE", f"{root.path}/grants/{made.json()['id']}") == 404
        assert await root.status("DELETE", f"{sam.path}/grants/{made.json()['id']}") == 204
        assert await sam.status("GET", "/api/parks/elm") == 404


@pytest.mark.database("sqlite")
async def test_an_object_has_one_id_however_it_is_typed(open_team, monkeypatch):
    id = new_id()
    monkeypatch.setitem(parks.TITLES, id, "Ash Park")
    async with open_team() as team:
        root, sam = await team.administrator(), await team.join()
        grant = {"role": "PARKS_ADMIN", "scope": "parks.park"}
        for typed in (f"{{{id.upper()}}}", id.replace("-", ""), id):
            made = await root.client.post(f"{sam.path}/grants", json={**grant, "object_id": typed})
            assert (made.status_code, made.json()["object_id"]) == (201, id)
        assert len((await root.client.get(f"{sam.path}/grants")).json()["data"]) == 1
        assert await sam.status("GET", f"/api/parks/{id}") == 200


def test_an_object_that_is_no_more_has_no_title(make_site):
    def find(id):
        raise RowNotFound("parks_park")

    scope = Scope("parks.park", "Park", frozenset(), find)
    roles = replace(roles_of(make_site(ParksPlugin)), scopes={"parks.park": scope})
    assert roles.title_of("parks.park", "elm") is None


@pytest.mark.database("sqlite")
async def test_the_menu_of_those_with_a_role_for_one_park(open_app):
    async with open_app(ParksPlugin) as app:
        elm = ("parks.park", "elm")
        for role, on, shown in (("PARKS_ADMIN", elm, 1), ("PARKS_ADMIN", None, 2)):
            async with as_role(app, role, on=on) as client:
                page = (await client.get("/organise/parks")).text
                assert "All parks" in page
                assert page.count('href="/organise/parks"') == shown
        async with as_role(app, "USER") as client:
            assert (await client.get("/organise/parks")).status_code == 403


async def test_grants_end_with_their_object(open_team, monkeypatch):
    async with open_team() as team:
        root, sam = await team.administrator(), await team.join()
        for id in ("elm", "oak"):
            grant = {"role": "PARKS_READER", "scope": "parks.park", "object_id": id}
            assert await root.status("POST", f"{sam.path}/grants", **grant) == 201
        await team.site.db.write(api.end_grants, "parks.park", "elm")
        assert await sam.status("GET", "/api/parks/elm") == 404
        monkeypatch.delitem(parks.TITLES, "oak")  # by a plugin that forgets
        grants = (await root.client.get(f"{sam.path}/grants")).json()["data"]
        assert [each["title"] for each in grants] == [None]
        await run_jobs(team.site)
        assert await team.site.db.read(lambda: Grant.select().count()) == 0


def test_doctor_names_roles_that_do_not_exist_or_exist_twice(make_site):
    site = make_site(ParksPlugin)
    assert list(check_roles(site)) == []  # of a site without users

    def spoil(tx):
        moments = {"created_at": tx.now, "updated_at": tx.now}
        values = {"description": "Ours", "permissions": [parks.READ], **moments}
        StoredRole.insert(name="PARKS_READER", **values).execute()
        for role in ("PARKS_READER", "GARDENER"):
            email = f"{role}@example.org".lower()
            User.create(email=email, name="Sam", role=role, **moments)

    site.db.sync.write(spoil)
    found = list(check_roles(site))
    assert [each.status for each in found] == ["warning"] * 3
    assert "role PARKS_READER, and a plugin brings one" in found[0].detail
    assert "GARDENER is held by 1 users" in found[1].detail
    assert found[2].detail == "No user with the role SUPER_ADMIN can sign in."


@pytest.mark.parametrize("change", ["role", "permissions", "grant", "suspension"])
async def test_other_processes_notice(open_team, make_config, change, monkeypatch):
    monkeypatch.setattr(rights, "_CACHED", 3600)  # nothing ends by itself
    async with open_team() as team:
        other = create_app(make_config(), [ParksPlugin])
        async with other.lifespan():
            root = await team.administrator()
            await team.role("PARK_HELPER", parks.CLOSE)
            sam = await team.join("PARK_HELPER", app=other)
            path = "/api/parks/elm"
            assert await sam.status("GET", path) == 404
            assert await sam.status("GET", "/api/auth/me") == 200
            wanted, (method, asked, json) = {
                "role": (200, ("PATCH", sam.path, {"role": "PARKS_READER"})),
                "permissions": (
                    200,
                    ("PATCH", "/api/roles/PARK_HELPER", {"permissions": [parks.READ]}),
                ),
                "grant": (
                    200,
                    (
                        "POST",
                        f"{sam.path}/grants",
                        {"role": "PARKS_READER", "scope": "parks.park", "object_id": "elm"},
                    ),
                ),
                "suspension": (401, ("POST", f"{sam.path}/suspend", {})),
            }[change]
            assert await root.status(method, asked, **json) in (200, 201)
            until = time.monotonic() + 20  # of a busy machine; it takes milliseconds
            while await sam.status("GET", path) != wanted:
                assert time.monotonic() < until
                await asyncio.sleep(0.01)
