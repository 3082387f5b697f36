"""API keys: their text, what they may do, how they end, and what an attacker would try."""

from __future__ import annotations

import asyncio
import contextlib
import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core import Permission, Plugin, Role, Route, endpoint, utcnow
from changemaker_core.app import create_app
from changemaker_core.features.accounts import api
from changemaker_core.features.accounts.keys import services, text
from changemaker_core.features.accounts.keys.models import ApiKey
from changemaker_core.features.accounts.users.models import User
from changemaker_core.testing import as_role, client_of, signed_in

KEYS = "/api/api-keys"


class Seeds:
    @endpoint(permission="garden.seed.read")
    async def on_get(self, req, resp):
        """The actor, as the responder sees it."""
        return {"kind": req.actor.kind, "user": req.actor.user_id, "name": req.actor.name}

    @endpoint(permission="garden.seed.write")
    async def on_post(self, req, resp):
        """Nothing."""
        return {}


class Gate:
    @endpoint(public=True)
    async def on_get(self, req, resp):
        """Whether anybody is known."""
        return {"known": req.actor is not None}


class GardenPlugin(Plugin):
    name = "garden"
    contributes = (
        Permission("garden.seed.read", "See seeds"),
        Permission("garden.seed.write", "Sow seeds"),
        Role("GARDENER", "Sows", frozenset({"garden.seed.read", "garden.seed.write"})),
        Role("WATCHER", "Looks", frozenset({"garden.seed.read"})),
        Route("/api/seeds", Seeds()),
        Route("/api/gate", Gate()),
    )


class Clock:
    ahead = timedelta(0)

    def __call__(self):
        return utcnow() + self.ahead


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def garden(open_app, clock):
    """The app, and a client of somebody who is signed in by tokens."""

    @contextlib.asynccontextmanager
    async def open_(role="GARDENER"):
        async with (
            open_app(GardenPlugin, clock=clock) as app,
            signed_in(app, role) as owner,
            client_of(app) as program,
        ):
            yield app, owner, program

    return open_


async def create(owner, *permissions, **fields):
    body = {"name": "Import", "permissions": permissions or ["garden.seed.read"], **fields}
    response = await owner.post(KEYS, json=body)
    assert response.status_code == 201, response.text
    return response.json()


def using(key):
    return {"x-api-key": key}


async def can(program, key, method="GET"):
    return (await program.request(method, "/api/seeds", headers=using(key))).status_code


async def test_a_key_may_do_what_was_chosen_and_no_more(garden):
    async with garden() as (_, owner, program):
        key = (await create(owner))["key"]
        seen = (await program.get("/api/seeds", headers=using(key))).json()
        me = (await owner.get("/api/auth/me")).json()
        assert seen == {"kind": "key", "user": me["id"], "name": "Import"}
        assert await can(program, key, "POST") == 403
        both = (await create(owner, "garden.seed.read", "garden.seed.write"))["key"]
        assert await can(program, both, "POST") == 200
        # It is a program's: it neither makes keys nor ends the sessions of its owner.
        own = (await create(owner, "accounts.me.read", "accounts.me.write"))["key"]
        body = {"name": "More", "permissions": ["garden.seed.read"]}
        for method, path, sent in (
            ("GET", KEYS, None),
            ("POST", KEYS, body),
            ("DELETE", "/api/auth/sessions", None),
        ):
            response = await program.request(method, path, json=sent, headers=using(own))
            assert response.status_code == 403, path


async def test_a_key_never_has_more_than_its_owner_has_now(garden):
    async with garden() as (app, owner, program):
        key = (await create(owner, "garden.seed.read", "garden.seed.write"))["key"]
        for role, write in (("WATCHER", 403), ("GARDENER", 200), ("SUPER_ADMIN", 200)):
            await app.site.db.write(lambda tx, role=role: User.update(role=role).execute())
            assert await can(program, key) == 200
            assert await can(program, key, "POST") == write, role
        await app.site.db.write(lambda tx: User.update(role="USER").execute())
        assert await can(program, key) == 403


@pytest.mark.parametrize("how", ["revoked", "suspended", "deleted", "closed", "expired"])
async def test_a_key_ends_at_once_in_every_process(garden, clock, how):
    """Another app over the same database stands for another process."""
    async with garden() as (app, owner, program):
        other_app = create_app(app.site.config, [GardenPlugin], clock=clock)
        async with other_app.lifespan(), client_of(other_app) as other:
            end = clock() + timedelta(days=1)
            created = await create(owner, expires_at=end.isoformat() if how == "expired" else None)
            key = created["key"]
            assert await can(program, key) == await can(other, key) == 200
            if how == "revoked":
                assert (await owner.delete(f"{KEYS}/{created['id']}")).status_code == 204
                assert (await owner.delete(f"{KEYS}/{created['id']}")).status_code == 404
            elif how == "expired":
                clock.ahead = timedelta(days=1)
            else:
                change = {
                    "suspended": lambda tx: User.update(status="SUSPENDED").execute(),
                    "closed": lambda tx: User.update(expires_at=clock()).execute(),
                    "deleted": lambda tx: User.delete().execute(),
                }[how]
                await app.site.db.write(change)
            await asyncio.sleep(0.2)  # until PostgreSQL has notified the other process
            assert await can(program, key) == await can(other, key) == 401


async def test_a_bad_key_never_falls_back_to_another_credential_or_to_nobody(garden):
    async with garden() as (_, owner, program):
        key = (await create(owner))["key"]
        assert await can(owner, key) == 200  # beside the access token: the key counts
        assert await can(owner, key, "POST") == 403
        other = text.new_key()
        for bad in ("", "x", other, key[:-1], key + "0", f"{key}, {other}", "cm_" + "é" * 49):
            headers = using(bad.encode())
            for client in (owner, program):
                for path in ("/api/seeds", "/api/gate"):
                    response = await client.get(path, headers=headers)
                    assert response.status_code == 401, (bad, path)
        assert (await program.get("/api/gate")).json() == {"known": False}
        assert (await program.get("/api/gate", headers=using(key))).json() == {"known": True}


async def test_a_key_is_shown_once_and_stored_as_its_hash(garden):
    async with garden() as (app, owner, _):
        created = await create(owner)
        key = created.pop("key")
        listed = await owner.get(KEYS)
        assert listed.json()["data"] == [created]
        assert key not in listed.text
        rows = await app.site.db.read(lambda: list(ApiKey.select().dicts()))
        assert key not in repr(rows)
        assert created["beginning"] == key[:7]


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({"permissions": ["garden.seed.write"]}, 422, "does not hold"),
        ({"permissions": ["garden.seed.eat"]}, 422, "no such permissions"),
        ({"permissions": ["*"]}, 422, "no such permissions"),
        ({"permissions": []}, 422, ""),
        ({"name": ""}, 422, ""),
        ({"expires_at": "2020-01-01T00:00:00Z"}, 422, "in the future"),
        ({"expires_at": "2020-01-01T00:00:00"}, 422, ""),
    ],
)
async def test_a_key_that_cannot_be_is_refused(garden, fields, status, message):
    async with garden("WATCHER") as (_, owner, _):
        body = {"name": "Import", "permissions": ["garden.seed.read"], **fields}
        response = await owner.post(KEYS, json=body)
        assert (response.status_code, message in response.text) == (status, True), response.text


async def test_there_are_only_so_many_keys(garden, monkeypatch):
    monkeypatch.setattr(services, "KEYS_PER_USER", 2)
    async with garden() as (_, owner, _):
        body = {"name": "Import", "permissions": ["garden.seed.read"]}
        responses = await asyncio.gather(*(owner.post(KEYS, json=body) for _ in range(5)))
        assert sorted(each.status_code for each in responses) == [201] * 2 + [409] * 3


async def test_nobody_sees_or_revokes_the_keys_of_another(garden):
    async with garden() as (app, owner, program), signed_in(app, "SUPER_ADMIN") as other:
        created = await create(owner)
        assert (await other.get(KEYS)).json()["data"] == []
        assert (await other.delete(f"{KEYS}/{created['id']}")).status_code == 404
        assert (await other.delete(f"{KEYS}/nonsense")).status_code == 404
        assert await can(program, created["key"]) == 200


async def test_the_last_use_is_stored_to_within_minutes(garden, clock):
    async with garden() as (_, owner, program):
        key = (await create(owner))["key"]
        noted = []
        for minutes in (0, 1, 2, 6):
            clock.ahead = timedelta(minutes=minutes)
            assert await can(program, key) == 200
            noted.append((await owner.get(KEYS)).json()["data"][0]["last_used_at"])
        assert noted[0] is not None
        assert noted[0] == noted[1] == noted[2] < noted[3]


async def test_a_person_creates_and_revokes_keys_on_their_page(garden):
    async with garden() as (app, _, program), as_role(app, "WATCHER") as browser:
        page = "/account/api-keys"
        shown = await browser.get(page)
        assert "garden.seed.read" not in (await program.get(page)).text
        assert 'value="garden.seed.read"' in shown.text
        assert "garden.seed.write" not in shown.text
        refused = await browser.submit(page, {"name": ""})
        assert refused.status_code == 422
        fields = {"name": "Import <1>", "permissions": ["garden.seed.read"], "days": "30"}
        created = await browser.submit(page, fields)
        assert created.status_code == 200
        assert created.headers["cache-control"] == "no-store"
        key = re.search(r'value="(cm_\w+)"', created.text)[1]
        assert await can(program, key) == 200
        listed = (await browser.get(page)).text
        assert key not in listed
        assert "Import &lt;1&gt;" in listed
        revoke = re.search(r'action="(/account/api-keys/[^"]+/revoke)"', listed)[1]
        assert (await browser.submit(revoke, page=page)).status_code == 303
        assert "The key is revoked." in (await browser.get(page)).text
        assert await can(program, key) == 401


def test_operators_list_create_and_revoke_keys(make_site):
    site = make_site(GardenPlugin)
    api.create_user(site, email="sam@example.org", name="Sam", role="WATCHER")
    arguments = {"email": "Sam@example.org", "name": "Import"}
    new = api.create_key(site, **arguments, permissions=["garden.seed.read"])
    with pytest.raises(api.KeyRefused, match="does not hold"):
        api.create_key(site, **arguments, permissions=["garden.seed.write"])
    assert [each.id for each in api.keys(site)] == [new.id]
    assert api.keys(site, email="SAM@example.org")[0].email == "sam@example.org"
    with pytest.raises(api.UnknownUser):
        api.keys(site, email="nobody@example.org")
    assert [api.revoke_key(site, each) for each in (new.id, new.id, "x")] == [True, False, False]


@given(st.text(max_size=60))
def test_no_other_text_is_taken_for_a_key(written):
    assert not text.is_well_formed(written)


def test_every_key_is_found_by_its_form_and_told_by_its_checksum():
    keys = {text.new_key() for _ in range(200)}
    assert len(keys) == 200
    for key in keys:
        assert re.fullmatch(r"cm_[0-9A-Za-z]{49}", key)
        assert text.is_well_formed(key)
        changed = "0" if key[20] != "0" else "1"
        assert not text.is_well_formed(key[:20] + changed + key[21:])
