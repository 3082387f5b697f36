"""The pages about the team: who is invited, changed and suspended, and that nobody rises."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from changemaker_admin.plugin import AdminPlugin
from changemaker_core import Permission, Plugin, Role, Scope, Text
from changemaker_core.features.accounts import api as accounts
from changemaker_core.testing import as_role, run_jobs, sent_mail

PARKS = {"elm": "Elm Park", "oak": "Oak Park <script>alert(1)</script>"}
READ, WRITE = "parks.park.read", "parks.park.write"
MANAGER = "PARKS_MANAGER"


class ParksPlugin(Plugin):
    """Parks, for each of which a role can be held, and a role that manages people alone."""

    name = "parks"
    contributes = (
        Permission(READ, Text("See parks")),
        Permission(WRITE, Text("Edit parks")),
        Role("PARKS_ADMIN", Text("Runs the parks"), frozenset({READ, WRITE})),
        Role(
            MANAGER, Text("Manages people"), frozenset({accounts.READ_USERS, accounts.WRITE_USERS})
        ),
        Scope(
            "parks.park",
            Text("Park"),
            frozenset({READ, WRITE}),
            PARKS.get,
            search=lambda text: [each for each in PARKS.items() if text.lower() in each[1].lower()],
        ),
    )


@pytest.fixture
def open_site(open_app):
    @contextlib.asynccontextmanager
    async def open_(role="SUPER_ADMIN", **config):
        async with (
            open_app(ParksPlugin, AdminPlugin, **config) as app,
            as_role(app, role) as client,
        ):
            yield app, client

    return open_


async def add(app, role="USER", email="robin@example.org", name="Robin"):
    """A user; the path of their page."""
    id, _ = await asyncio.to_thread(
        lambda: accounts.create_user(app.site, email=email, name=name, role=role)
    )
    return f"/admin/team/{id}"


async def detail(app, path):
    """What is stored of a person."""
    site, id = app.site, path.rpartition("/")[2]
    return await site.db.read(accounts.detail_of, accounts.roles_of(site), id, site.clock())


async def test_a_person_is_invited_with_a_role_for_one_object(open_site):
    async with open_site() as (app, client):
        fields = {"name": "Robin", "email": "robin@example.org", "role": "PARKS_ADMIN"}
        sent = await client.submit("/admin/team/invite", {**fields, "where": "parks.park elm"})
        assert sent.status_code == 303, sent.text
        page = await client.get(sent.headers["location"])
        await run_jobs(app.site)
        mails = sent_mail(app.site)
        listed = await client.get("/admin/team?status=INVITED&q=robin")
        keys = await client.get("/admin/api-keys")
    assert "robin@example.org" in listed.text
    assert "and 1 for a single object" in listed.text
    assert "Nobody has an API key" in keys.text
    assert "Elm Park" in page.text
    assert "has not accepted the invitation yet" in page.text
    assert "The invitation is on its way to robin@example.org." in page.text
    assert [mail.to for mail in mails] == ["Robin <robin@example.org>"]


@pytest.mark.database("sqlite")
@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ({"email": "no address"}, "email"),
        ({"email": "robin@example.org"}, "already has an account"),
        ({"role": "NO_SUCH_ROLE"}, "There is no role NO_SUCH_ROLE"),
        ({"where": "parks.park gone", "role": "PARKS_ADMIN"}, "Choose where the role holds"),
        ({"where": "parks.park elm", "role": "USER"}, "allows nothing that can be limited"),
    ],
)
async def test_an_invitation_that_is_refused_keeps_what_was_typed(open_site, typed, problem):
    async with open_site() as (app, client):
        await add(app)
        fields = {"name": "Sam <b>", "email": "sam@example.org", "role": "USER", **typed}
        refused = await client.submit("/admin/team/invite", fields)
        listed = await app.site.db.all(accounts.team_users(text="sam@example.org"))
    assert refused.status_code == 422
    assert problem in refused.text
    assert "Sam &lt;b&gt;" in refused.text
    assert listed == []


@pytest.mark.database("sqlite")
async def test_only_what_was_changed_is_changed(open_site):
    async with open_site() as (app, client):
        path = await add(app)
        sent = await client.submit(path, {"name": "Robin Roy", "role": "PARKS_ADMIN"})
        person = await detail(app, path)
    assert sent.status_code == 303, sent.text
    assert (person.name, person.role, person.email) == (
        "Robin Roy",
        "PARKS_ADMIN",
        "robin@example.org",
    )


async def test_the_second_of_two_who_edit_an_account_is_told(open_site):
    async with open_site() as (app, client):
        path = await add(app)
        form = {"email": "robin@example.org", "role": "USER", "locale": "en"}
        page = await client.get(path)
        await client.submit(path, {"name": "First", "phone": "555"})
        marks = {
            name: page.text.split(f'name="{name}" value="')[1].split('"')[0]
            for name in ("version", "seen")
        }
        second = await client.submit(path, {**form, **marks, "name": "Second", "phone": ""})
        stored = await detail(app, path)
        third = await client.post(
            second.url, data={**form, "name": "Second"}, headers={"Sec-Fetch-Site": "same-origin"}
        )
    assert second.status_code == 409
    assert 'value="Second"' in second.text
    assert "First" in second.text
    assert "555" in second.text  # what the other one alone has changed is taken over
    assert stored.name == "First"
    assert third.status_code in (403, 409)  # a form without the version overwrites nothing


@pytest.mark.database("sqlite")
@pytest.mark.parametrize("by", ["SUPER_ADMIN", MANAGER])
async def test_nobody_is_managed_by_those_who_may_do_less(open_site, by):
    async with open_site(by) as (app, client):
        path = await add(app, "PARKS_ADMIN")
        page = await client.get(path)
        asked = await client.get(f"{path}/suspend")
        done = await client.submit(f"{path}/suspend") if by == "SUPER_ADMIN" else None
        token = await client.get("/account/sessions")
        csrf = token.text.split('name="csrf_token" value="')[1].split('"')[0]
        headers = {"Sec-Fetch-Site": "same-origin"}
        for act in ("suspend", "delete", "sign-out", "unlock", "reset-two-factor"):
            await client.post(f"{path}/{act}", data={"csrf_token": csrf}, headers=headers)
        try:
            status = (await detail(app, path)).status
        except Exception:
            status = "deleted"
    if by == MANAGER:
        assert "may do things that you may not" in page.text
        assert f'href="{path}/suspend"' not in page.text
        assert "This cannot be done" in asked.text
        assert done is None
        assert status == "ACTIVE"
    else:
        assert done.status_code == 303
        assert status == "deleted"


@pytest.mark.database("sqlite")
async def test_several_are_suspended_but_nobody_above_whoever_does_it(open_site):
    async with open_site(MANAGER) as (app, client):
        plain = await add(app)
        above = await add(app, "PARKS_ADMIN", "sam@example.org", "Sam")
        ids = "&".join(f"selected={path.rpartition('/')[2]}" for path in (plain, above))
        action = "/admin/team/actions/suspend"
        begun = await client.submit(action, page=f"{action}?{ids}")
        await run_jobs(app.site)
        outcome = await client.get(begun.headers["location"])
        states = [(await detail(app, path)).status for path in (plain, above)]
    assert states == ["SUSPENDED", "ACTIVE"]
    assert "may do things that you may not" in outcome.text


@pytest.mark.database("sqlite")
async def test_a_key_of_somebody_else_is_revoked(open_site):
    async with open_site() as (app, client):
        await add(app)
        made = await asyncio.to_thread(
            lambda: accounts.create_key(
                app.site,
                email="robin@example.org",
                name="Import <b>",
                permissions=["accounts.me.read"],
            )
        )
        listed = await client.get("/admin/api-keys")
        revoked = await client.submit(f"/admin/api-keys/{made.id}")
        left = await app.site.db.all(accounts.all_keys())
        gone = await client.get(f"/admin/api-keys/{made.id}")
    assert "Import &lt;b&gt;" in listed.text
    assert revoked.status_code == 303
    assert left == []
    assert gone.status_code == 404
