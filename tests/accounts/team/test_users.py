"""Managing users: who may do what to whom, and what ends with it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from changemaker_core import utcnow
from changemaker_core.audit import CoreAuditEntry
from changemaker_core.db import migrations
from changemaker_core.features.accounts import api
from changemaker_core.features.accounts.joining import links
from changemaker_core.features.accounts.joining.models import Link
from changemaker_core.features.accounts.joining.purposes import EMAIL, RESET
from changemaker_core.features.accounts.sessions.models import UserSession
from changemaker_core.features.accounts.users import management
from changemaker_core.features.accounts.users.emails import check_emails
from changemaker_core.features.accounts.users.models import User
from changemaker_core.mail import canonical_email
from changemaker_core.testing import client_of, run_jobs
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
        for name in ("https://evil.example", "Win at WWW.evil.example", "Ann evil.example/x"):
            refused = await root.client.patch(path, json={"name": name})
            assert "address of a website" in refused.json()["errors"][0]["message"]
            with pytest.raises(api.DetailsRefused, match="website"):
                api.create_user(team.site, email="ann@example.org", name=name, role="USER")
        for name in ("Dr. Ann O’Neil-Roy, M.Sc./Ing.", "Ann & Bo, 1/2"):
            assert await root.status("PATCH", path, name=name) == 200
        await team.site.db.write(lambda tx: User.update(email_verified_at=tx.now).execute())
        changed = (await root.client.patch(path, json={"name": "Robin"})).json()
        assert changed["name"] == "Robin"
        assert changed["email_verified_at"] is not None
        changed = (await root.client.patch(path, json={"email": "robin@example.com"})).json()
        assert changed["email_verified_at"] is None  # it has to be verified again
        assert await root.status("PATCH", path, email=root.email) == 409
        own = await root.client.patch(root.path, json={"email": "root@example.com"})
        assert (own.status_code, own.json()["code"]) == (409, "own_account")
        assert await root.status("PATCH", root.path, email=root.email.upper(), name="Root") == 200
        assert await root.status("PATCH", path, role="GARDENER") == 422
        assert await root.status("DELETE", path) == 204
        assert await root.status("GET", path) == 404
        for nonsense in ("/api/users/nonsense", f"{root.path}/grants/nonsense"):
            method = "DELETE" if "grants" in nonsense else "GET"
            assert await root.status(method, nonsense) == 404
        assert await root.status("PATCH", path, name="Nobody") == 404


def test_a_version_that_knows_no_temporary_accounts_opens_none_for_ever(make_site):
    site = make_site()
    for name in ("sam", "robin"):
        api.create_user(site, email=f"{name}@example.org", name=name, role="USER")
    temporary = User.update(expires_at=utcnow()).where(User.name == "sam")
    site.db.sync.write(lambda tx: temporary.execute())
    (folder,) = [each for each in site.migration_folders() if each.plugin == "accounts"]
    migrations.revert(site.db, folder, 3)
    with site.db.engine.shared() as raw:
        found = raw.execute_sql("SELECT name, status FROM accounts_user").fetchall()
    assert dict(found) == {"sam": "SUSPENDED", "robin": "ACTIVE"}


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
                ("POST", "/reset-two-factor", {}),
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
        assert await root.status("POST", f"{root.path}/reset-two-factor") == 409
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
        # What else there is to change of a temporary one leaves as many administrators.
        demoted = User.update(role="USER").where(User.id == root.id)
        await team.site.db.write(lambda tx: demoted.execute())
        assert await other.status("PATCH", other.path, name="Other", expires_at=later) == 200
        for longer in (None, (utcnow() + timedelta(days=2)).isoformat()):
            own = await other.client.patch(other.path, json={"expires_at": longer})
            assert (own.status_code, own.json()["code"]) == (409, "own_account")


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


@pytest.mark.database("sqlite")
async def test_what_gives_access_away_needs_a_recent_sign_in(open_team):
    """Of people: keys are made to do it by themselves."""
    async with open_team() as team:
        root, sam = await team.administrator(), await team.join()
        role = await team.role("HELPER", "parks.park.read")
        me = (await root.client.get(sam.path)).json()["permissions"]
        held = [*me, *MANAGER, "accounts.role.write", "parks.park.read"]
        wanted = {"name": "k", "permissions": held}
        key = (await root.client.post("/api/api-keys", json=wanted)).json()["key"]
        await team.site.db.write(
            lambda tx: UserSession.update(signed_in_at=tx.now - timedelta(minutes=15)).execute()
        )
        robin = {"email": "robin@example.org", "name": "Robin"}
        grant = {"role": role, "scope": "parks.park", "object_id": "elm"}
        asked = (
            ("POST", "/api/users", {**robin, "role": role}),
            ("POST", "/api/users", {**robin, "email": "r@example.org", "password": PASSWORD}),
            ("PATCH", sam.path, {"role": role}),
            ("PATCH", sam.path, {"email": "sam@example.com"}),
            ("POST", f"{sam.path}/grants", grant),
            ("PATCH", f"/api/roles/{role}", {"permissions": []}),
            ("DELETE", sam.path, None),
        )
        for method, path, json in asked:
            late = await root.client.request(method, path, json=json)
            assert (late.status_code, late.json()["code"]) == (401, "recent_sign_in_required"), path
        assert await root.status("PATCH", sam.path, name="Sam") == 200
        assert await root.status("PATCH", f"/api/roles/{role}", description="x") == 200
        new = {"email": "u@example.org", "name": "U"}
        assert await root.status("POST", "/api/users", **new) == 201
        async with client_of(team.app, headers={"x-api-key": key}) as program:
            for method, path, json in asked:
                done = await program.request(method, path, json=json)
                assert done.status_code in (200, 201, 204), done.text


#: In the grammar of the type, and yet no addresses: no such domain, and too long as the DNS has it.
UNUSABLE = ("a@☃.example", f"{'a' * 60}@{'é.' * 30}example")


@pytest.mark.database("sqlite")
@pytest.mark.parametrize("email", UNUSABLE)
async def test_an_address_that_no_mail_reaches_is_an_error_wherever_it_is_typed(open_team, email):
    tables = {"accounts": {"registration": "open", "registration_domains": ["example.org"]}}
    async with open_team(plugin_tables=tables) as team:
        root, sam = await team.administrator(), await team.join()
        for method, path, more in (
            ("POST", "/api/auth/register", {}),
            ("POST", "/api/auth/forgot-password", {}),
            ("POST", "/api/auth/magic-link", {}),
            ("POST", "/api/auth/email", {}),
            ("POST", "/api/users", {"name": "Robin"}),
            ("PATCH", sam.path, {}),
        ):
            refused = await root.client.request(method, path, json={"email": email, **more})
            assert refused.status_code == 422, path
            assert refused.json()["errors"][0]["field"] == "email"
        assert await root.status("POST", "/api/auth/login", email=email, password="x") == 401
        html = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
        for path in ("/register", "/forgot-password", "/sign-in-link"):
            page = await root.client.post(path, data={"email": email}, headers=html)
            assert (page.status_code, "Enter an email address such as" in page.text) == (422, True)
        with pytest.raises(api.DetailsRefused):
            await asyncio.to_thread(
                lambda: api.create_user(team.site, email=email, name="R", role="USER")
            )


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
    assert canonical_email(typed) == stored
    assert canonical_email(stored) == stored


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


def test_accounts_that_are_stored_in_another_spelling_are_reported_and_repaired(make_site):
    """As by a version that folded less, or by hand; accounts of one mailbox are never merged."""
    site = make_site()
    stored = ["Sam@example.org", "Zoé@exämple.org", "zoé@xn--exmple-cua.org", "SAM@example.org"]
    now = {"created_at": utcnow(), "updated_at": utcnow()}
    ids = site.db.sync.write(
        lambda tx: [
            str(User.create(email=each, name="S", role="USER", **now).id) for each in stored
        ]
    )
    problems = [each.status for each in check_emails(site)]
    assert problems == ["warning", "warning", "error"]
    found = api.respell_emails(site)
    assert [(each.user_id, each.other) for each in found] == [
        (ids[0], None),
        (ids[1], ids[2]),
        (ids[3], ids[0]),
    ]
    kept = site.db.sync.read(lambda: [user.email for user in User.select().order_by(User.id)])
    assert kept == ["sam@example.org", *stored[1:]]
    (entry,) = site.db.sync.read(lambda: list(CoreAuditEntry.select()))
    assert (entry.action, entry.object_id) == ("accounts.user.email_respelt", ids[0])
    doubles = [each.detail for each in check_emails(site)]
    assert len(doubles) == 2
    assert "Zoé@exämple.org and zoé@xn--exmple-cua.org are one mailbox" in doubles[0]
    site.db.sync.write(lambda tx: User.delete().where(User.id.in_([ids[1], ids[3]])).execute())
    assert [each.status for each in check_emails(site)] == ["ok"]


async def test_an_address_that_another_process_takes_at_that_moment_is_taken(
    open_team, monkeypatch
):
    monkeypatch.setattr(management, "_check_email_is_free", lambda email: None)
    async with open_team() as team:
        root, sam = await team.administrator(), await team.join()
        refused = await root.client.patch(sam.path, json={"email": root.email})
        assert (refused.status_code, refused.json()["code"]) == (409, "email_taken")


async def test_who_uses_a_link_and_who_suspends_its_user_do_not_wait_for_each_other(open_team):
    """Both change the user and the link: in one order, or PostgreSQL ends one of them."""
    async with open_team() as team:
        root = await team.administrator()
        for _ in range(8):
            sam = await team.join()
            id = await team.site.db.write(
                lambda tx, sam=sam: links.issue(
                    tx, RESET, email=sam.email, locale="en", user_id=sam.id
                )
            )
            token = links.address_of(team.site, RESET, id).rpartition("/")[2]
            statuses = await asyncio.gather(
                sam.status(
                    "POST", "/api/auth/reset-password", token=token, password=PASSWORD[::-1]
                ),
                root.status("POST", f"{sam.path}/suspend"),
            )
            assert statuses in ([204, 200], [404, 200])


@pytest.mark.parametrize("change", ["password", "address", "suspension", "end"])
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
        elif change == "end":
            await team.site.db.write(api.expire_user, sam.id)
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
