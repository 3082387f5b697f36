"""Managing users: who may do what to whom, and what ends with it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from changemaker_core import utcnow
from changemaker_core.features.accounts import api
from changemaker_core.features.accounts.joining import links
from changemaker_core.features.accounts.joining.models import Link
from changemaker_core.features.accounts.joining.purposes import EMAIL, RESET
from changemaker_core.features.accounts.users.emails import canonical
from changemaker_core.features.accounts.users.models import User
from changemaker_core.testing import run_jobs
from tests.accounts.team.conftest import PASSWORD

MANAGER = ("accounts.user.read", "accounts.user.write")


class Clock:
    """A clock that a test moves."""

    def __init__(self):
        self.ahead = timedelta(0)

    def __call__(self):
        return utcnow() + self.ahead


async def test_a_user_is_created_changed_found_and_deleted(open_team):
    async with open_team() as team:
        root = await team.administrator()
        new = {"email": "Robin@Example.org", "name": "Robin Élan", "phone": "+1 555 0100"}
        made = await root.client.post("/api/users", json={**new, "password": PASSWORD})
        assert made.status_code == 201, made.text
        robin = made.json()
        assert made.headers["location"] == f"/api/users/{robin['id']}"
        assert robin["email"] == "robin@example.org"
        assert robin["status"] == "ACTIVE"
        assert robin["created_by"] == root.id
        assert robin["permissions"] == ["accounts.me.read", "accounts.me.write"]
        assert "password" not in made.text.replace("password_", "")

        assert await root.status("POST", "/api/users", **new) == 409  # in whatever case
        found = (await root.client.get("/api/users", params={"q": "elan"})).json()
        assert [each["id"] for each in found["data"]] == [robin["id"]]
        assert found["pagination"]["total"] == 1
        for filters, total in (
            ({"role": "USER"}, 1),
            ({"role": "SUPER_ADMIN", "status": "ACTIVE"}, 1),
            ({"status": "SUSPENDED"}, 0),
        ):
            listed = (await root.client.get("/api/users", params=filters)).json()
            assert listed["pagination"]["total"] == total

        path = f"/api/users/{robin['id']}"
        await team.site.db.write(lambda tx: User.update(email_verified_at=tx.now).execute())
        changed = (await root.client.patch(path, json={"name": "Robin"})).json()
        assert changed["name"] == "Robin"
        assert changed["email_verified_at"] is not None
        changed = (await root.client.patch(path, json={"email": "robin@example.com"})).json()
        assert changed["email_verified_at"] is None  # it has to be verified again
        assert await root.status("PATCH", path, email=root.email) == 409
        assert await root.status("PATCH", path, role="GARDENER") == 422
        assert await root.status("DELETE", path) == 204
        assert await root.status("GET", path) == 404
        for nonsense in ("/api/users/nonsense", f"{root.path}/grants/nonsense"):
            method = "DELETE" if "grants" in nonsense else "GET"
            assert await root.status(method, nonsense) == 404
        assert await root.status("PATCH", path, name="Nobody") == 404


async def test_without_a_password_a_user_is_invited_and_cannot_sign_in(open_team):
    async with open_team() as team:
        root = await team.administrator()
        new = {"email": "robin@example.org", "name": "Robin"}
        invited = (await root.client.post("/api/users", json=new)).json()
        assert invited["status"] == "INVITED"
        login = {"email": new["email"], "password": PASSWORD}
        assert await root.status("POST", "/api/auth/login", **login) == 401
        path = f"/api/users/{invited['id']}"
        assert (await root.client.post(f"{path}/suspend")).json()["status"] == "SUSPENDED"
        assert (await root.client.post(f"{path}/reactivate")).json()["status"] == "INVITED"
        await asyncio.to_thread(
            lambda: api.set_password(team.site, email=new["email"], password=PASSWORD)
        )
        assert (await root.client.get(path)).json()["status"] == "ACTIVE"
        assert await root.status("POST", "/api/auth/login", **login) == 200


async def test_a_suspension_and_an_end_of_sessions_take_effect_at_once(open_team):
    async with open_team() as team:
        root, sam = await team.administrator(), await team.join()
        assert await sam.status("GET", "/api/auth/me") == 200
        assert await root.status("DELETE", f"{sam.path}/sessions") == 204
        assert await sam.status("GET", "/api/auth/me") == 401
        assert await root.status("POST", f"{sam.path}/suspend") == 200
        login = {"email": sam.email, "password": PASSWORD}
        assert await sam.status("POST", "/api/auth/login", **login) == 401
        assert await root.status("POST", f"{sam.path}/unlock") == 204
        assert await root.status("POST", f"{sam.path}/reactivate") == 200
        assert await sam.status("POST", "/api/auth/login", **login) == 200


async def test_nobody_gives_what_they_do_not_hold_or_manages_those_who_hold_more(open_team):
    async with open_team() as team:
        root = await team.administrator()
        await team.role("TEAM_LEAD", *MANAGER, "parks.park.read")
        lead = await team.join("TEAM_LEAD")
        reader, gardener = await team.join("PARKS_READER"), await team.join("PARKS_ADMIN")

        new = {"email": "robin@example.org", "name": "Robin"}
        assert await lead.status("POST", "/api/users", **new, role="PARKS_ADMIN") == 403
        assert await lead.status("POST", "/api/users", **new, role="SUPER_ADMIN") == 403
        assert await lead.status("POST", "/api/users", **new, role="PARKS_READER") == 201
        assert await lead.status("PATCH", reader.path, role="PARKS_ADMIN") == 403
        assert await lead.status("PATCH", lead.path, role="SUPER_ADMIN") == 403
        assert await lead.status("PATCH", reader.path, role="USER") == 200
        # A role for one park can be more than one holds, too.
        limited = {"scope": "parks.park", "object_id": "elm"}
        grants = f"{reader.path}/grants"
        assert await lead.status("POST", grants, role="PARKS_ADMIN", **limited) == 403
        assert await lead.status("POST", grants, role="PARKS_READER", **limited) == 201

        for victim in (gardener, root):
            for method, path, json in (
                ("PATCH", "", {"name": "Changed"}),
                ("PATCH", "", {"email": "taken.over@example.org"}),
                ("PATCH", "", {"role": "USER"}),
                ("POST", "/suspend", {}),
                ("POST", "/reactivate", {}),
                ("POST", "/unlock", {}),
                ("DELETE", "/sessions", {}),
                ("POST", "/grants", {"role": "PARKS_READER", **limited}),
                ("DELETE", "", {}),
            ):
                assert await lead.status(method, victim.path + path, **json) == 403, path
        # Whoever holds more for one park only is out of reach as well.
        assert await root.status("POST", grants, role="PARKS_ADMIN", **limited) == 201
        assert await lead.status("POST", f"{reader.path}/suspend") == 403
        for nobody in (reader, gardener):
            assert await nobody.status("GET", "/api/users") == 403


async def test_oneself_and_the_last_administrator_stay(open_team):
    async with open_team() as team:
        root, other = await team.administrator(), await team.join("SUPER_ADMIN")
        assert await root.status("DELETE", root.path) == 409
        assert await root.status("POST", f"{root.path}/suspend") == 409
        assert await root.status("PATCH", other.path, role="USER") == 200
        later = (utcnow() + timedelta(days=1)).isoformat()
        for change in ({"role": "USER"}, {"expires_at": later}):
            response = await root.client.patch(root.path, json=change)
            assert response.json()["code"] == "last_administrator"
        # One who will be gone tomorrow, or has never signed in, is no replacement.
        await root.status("PATCH", other.path, role="SUPER_ADMIN", expires_at=later)
        invited = {"email": "r@example.org", "name": "R", "role": "SUPER_ADMIN"}
        assert await root.status("POST", "/api/users", **invited) == 201
        assert await other.status("POST", f"{root.path}/suspend") == 409
        assert await other.status("DELETE", root.path) == 409
        with pytest.raises(Exception, match="conflict"):
            await asyncio.to_thread(lambda: api.suspend(team.site, email=root.email))


async def test_two_administrators_who_suspend_each_other_do_not_both_succeed(open_team):
    async with open_team() as team:
        for _ in range(3):
            first, second = await team.join("SUPER_ADMIN"), await team.join("SUPER_ADMIN")
            await team.site.db.write(
                lambda tx, kept=(first.id, second.id): (
                    User.update(role="USER").where(User.id.not_in(list(kept))).execute()
                )
            )
            statuses = await asyncio.gather(
                first.status("POST", f"{second.path}/suspend"),
                second.status("POST", f"{first.path}/suspend"),
            )
            # The second is refused as the last one, or because its session has ended meanwhile.
            assert statuses.count(200) == 1, statuses


async def test_a_temporary_account_closes_by_itself_at_that_moment(open_team):
    clock = Clock()
    async with open_team(clock=clock) as team:
        root, sam = await team.administrator(), await team.join()
        browser = {"email": sam.email, "password": PASSWORD}
        end = utcnow() + timedelta(minutes=5)
        path = sam.path
        assert await root.status("PATCH", path, expires_at=utcnow().isoformat()) == 422
        assert await root.status("PATCH", path, expires_at=end.isoformat()) == 200
        assert await sam.status("GET", "/api/auth/me") == 200
        refresh = (await sam.client.post("/api/auth/login", json=browser)).json()["refresh_token"]
        clock.ahead = timedelta(minutes=5)
        assert await sam.status("GET", "/api/auth/me") == 401
        assert await sam.status("POST", "/api/auth/login", **browser) == 401
        assert await sam.status("POST", "/api/auth/refresh", refresh_token=refresh) == 401
        assert (await root.client.get(path)).json()["status"] == "EXPIRED"
        stored = await team.site.db.read(lambda: User.get_by_id(sam.id).status)
        assert stored == "ACTIVE"
        await run_jobs(team.site)
        stored = await team.site.db.read(lambda: User.get_by_id(sam.id).status)
        assert stored == "EXPIRED"
        response = await root.client.post(f"{path}/reactivate")
        assert response.json()["code"] == "account_expired"
        later = (end + timedelta(days=1)).isoformat()
        reopened = await root.client.patch(path, json={"expires_at": later})
        assert reopened.json()["status"] == "ACTIVE"
        assert await sam.status("POST", "/api/auth/login", **browser) == 200


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Zoe\u0301@EXÄMPLE.org", "zoé@xn--exmple-cua.org"),
        ("SAM@Example.ORG", "sam@example.org"),
        ("sam@XN--EXMPLE-CUA.org", "sam@xn--exmple-cua.org"),
        # Other mailboxes, and another domain, than those with ss.
        ("faß@example.org", "faß@example.org"),
        ("sam@faß.example", "sam@xn--fa-hia.example"),
        ("no address", "no address"),
    ],
)
def test_addresses_are_folded_where_they_are_the_same_and_no_further(typed, stored):
    assert canonical(typed) == stored
    assert canonical(stored) == stored


@pytest.mark.database("sqlite")
async def test_a_person_signs_in_with_whatever_spelling_of_their_address(open_team):
    async with open_team() as team:
        root = await team.administrator()
        new = {"name": "Zoé", "password": PASSWORD}
        assert await root.status("POST", "/api/users", email="Zoé@exämple.org", **new) == 201
        assert await root.status("POST", "/api/users", email="fass@example.org", **new) == 201
        assert await root.status("POST", "/api/users", email="faß@example.org", **new) == 201
        spelt = {"email": "zoe\u0301@XN--EXMPLE-CUA.org", "password": PASSWORD}
        assert await root.status("POST", "/api/auth/login", **spelt) == 200


@pytest.mark.parametrize("change", ["password", "address", "suspension"])
async def test_links_in_mails_end_with_what_they_were_asked_for_with(open_team, change):
    async with open_team() as team:
        root, sam = await team.administrator(), await team.join()

        def ask(tx):
            links.issue(tx, EMAIL, email="thief@example.org", locale="en", user_id=sam.id)
            links.issue(tx, RESET, email=sam.email, locale="en", user_id=sam.id)

        await team.site.db.write(ask)
        if change == "password":
            await asyncio.to_thread(
                lambda: api.set_password(team.site, email=sam.email, password=PASSWORD[::-1])
            )
        elif change == "address":
            assert await root.status("PATCH", sam.path, email="sam@example.com") == 200
        else:
            assert await root.status("POST", f"{sam.path}/suspend") == 200
            assert await root.status("POST", f"{sam.path}/reactivate") == 200
        still_valid = await team.site.db.read(
            lambda: {link.email for link in Link.select().where(Link.ended_at.is_null())}
        )
        # But for the one that asks the new address to confirm itself.
        assert still_valid == ({"sam@example.com"} if change == "address" else set())
