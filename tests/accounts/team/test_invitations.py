"""Invitations: by whom, to what, how they are accepted, sent again and withdrawn."""

from __future__ import annotations

from datetime import timedelta

import pytest

from changemaker_core import SYSTEM, Forbidden, new_id, utcnow
from changemaker_core.features.accounts import api
from changemaker_core.features.accounts.joining.models import Link
from changemaker_core.features.accounts.joining.purposes import ASKED, INVITATIONS
from changemaker_core.testing import Clock, client_of
from tests.accounts.joining.mailbox import Mailbox
from tests.accounts.team.conftest import PASSWORD
from tests.accounts.team.test_users import MANAGER

ROBIN = {"email": "robin@example.org", "name": "Robin"}


async def test_who_is_invited_chooses_a_password_by_the_last_link(open_team):
    async with open_team() as team, client_of(team.app) as robin:
        root, mailbox = await team.administrator(), Mailbox(team.site)
        path = f"/api/users/{(await root.client.post('/api/users', json=ROBIN)).json()['id']}"
        first = await mailbox.token("/join")
        assert await root.status("POST", f"{path}/invite") == 202
        last = await mailbox.token("/join")
        body = {"name": "Robin Élan", "password": PASSWORD}
        joined = await robin.post("/api/auth/join", json={"token": first, **body})
        assert (joined.status_code, joined.json()["code"]) == (404, "link_ended")
        # Who has lost the mail gets another one wherever they ask.
        await robin.post("/api/auth/forgot-password", json={"email": ROBIN["email"]})
        last = await mailbox.token("/join")
        joined = await robin.post("/api/auth/join", json={"token": last, **body})
        assert (joined.status_code, joined.json()["email"]) == (200, ROBIN["email"])
        shown = (await root.client.get(path)).json()
        assert (shown["status"], shown["name"]) == ("ACTIVE", "Robin Élan")
        assert shown["email_verified_at"] is not None
        for method in ("POST", "DELETE"):
            assert await root.status(method, f"{path}/invite") == 409


async def test_an_invitation_is_withdrawn_corrected_and_limited(open_team):
    async with open_team() as team:
        root, mailbox = await team.administrator(), Mailbox(team.site)
        path = f"/api/users/{(await root.client.post('/api/users', json=ROBIN)).json()['id']}"
        wrong = await mailbox.token("/join")
        assert await root.status("PATCH", path, email="robin@example.com") == 200
        ((to, _, _),) = await mailbox.new()
        assert to == "Robin <robin@example.com>"
        join = {"token": wrong, "name": "Eve", "password": PASSWORD}
        assert await root.status("POST", "/api/auth/join", **join) == 404
        for _ in range(INVITATIONS.limit):
            assert await root.status("POST", f"{path}/invite") == 202
        assert await root.status("POST", f"{path}/invite") == 429
        assert await root.status("DELETE", f"{path}/invite") == 204
        assert await root.status("GET", path) == 404
        assert await mailbox.new() == []
        assert await team.site.db.read(lambda: Link.select().count()) == 0


@pytest.mark.database("sqlite")
async def test_who_asks_in_the_name_of_the_invited_neither_ends_their_link_nor_floods_them(
    open_team,
):
    clock = Clock()
    async with open_team(clock=clock) as team, client_of(team.app) as anybody:
        root, mailbox = await team.administrator(), Mailbox(team.site)
        await root.client.post("/api/users", json=ROBIN)
        token = await mailbox.token("/join")
        for _ in range(ASKED.limit):
            clock.forward(hours=1)
            for path in ("forgot-password", "magic-link"):
                asked = await anybody.post(f"/api/auth/{path}", json={"email": ROBIN["email"]})
                assert asked.status_code == 202
        further = await mailbox.new()
        assert len(further) == ASKED.limit
        body = {"token": token, "name": "Robin", "password": PASSWORD}
        assert (await anybody.post("/api/auth/join", json=body)).status_code == 200
        body["token"] = further[-1][2].split("/join/")[1].split()[0]
        assert (await anybody.post("/api/auth/join", json=body)).status_code == 404


async def test_nobody_invites_to_more_than_they_hold(open_team):
    async with open_team() as team:
        await team.role("MANAGER", *MANAGER)
        manager, root = await team.join("MANAGER"), await team.administrator()
        mailbox = Mailbox(team.site)
        assert await manager.status("POST", "/api/users", **ROBIN, role="SUPER_ADMIN") == 403
        made = await root.client.post("/api/users", json={**ROBIN, "role": "SUPER_ADMIN"})
        path = f"/api/users/{made.json()['id']}/invite"
        assert await manager.status("POST", path) == 403
        assert await manager.status("DELETE", path) == 403
        assert len(await mailbox.new()) == 1


async def test_a_plugin_invites_for_a_while_in_its_own_transaction(open_team):
    clock = Clock()
    async with open_team(clock=clock) as team, client_of(team.app) as robin:
        end, mailbox = clock() + timedelta(hours=8), Mailbox(team.site)
        id = await team.site.db.write(
            lambda tx: api.invite(tx, team.site, **ROBIN, role="TEMP", expires_at=end)
        )
        body = {"token": await mailbox.token("/join"), "name": "Robin", "password": PASSWORD}
        assert (await robin.post("/api/auth/join", json=body)).status_code == 200
        login = {"email": ROBIN["email"], "password": PASSWORD}
        session = (await robin.post("/api/auth/login", json=login)).json()
        robin.headers["Authorization"] = f"Bearer {session['access_token']}"
        assert (await robin.get("/api/auth/me")).json()["role"] == "TEMP"
        await team.site.db.write(api.expire_user, id)
        assert (await robin.get("/api/auth/me")).status_code == 401
        assert (await robin.post("/api/auth/login", json=login)).status_code == 401


@pytest.mark.database("sqlite")
async def test_a_plugins_public_page_invites_to_nothing_unless_it_says_in_whose_name(open_team):
    async with open_team() as team:
        end = utcnow() + timedelta(hours=8)

        def invite(role, **more):
            number = new_id()
            return team.site.db.write(
                lambda tx: api.invite(
                    tx, team.site, email=f"{number}@example.org", name="R", role=role, **more
                )
            )

        for role in ("PARKS_READER", "SUPER_ADMIN"):
            with pytest.raises(Forbidden):
                await invite(role)
        assert await invite("TEMP", expires_at=end)
        assert await invite("PARKS_READER", by=SYSTEM)


async def test_who_changes_the_address_of_another_has_it_confirmed(open_team):
    async with open_team() as team:
        root, sam, mailbox = await team.administrator(), await team.join(), Mailbox(team.site)
        assert await root.status("PATCH", sam.path, email="new@example.org") == 200
        mails = {to: (subject, text) for to, subject, text in await mailbox.new()}
        assert set(mails) == {f"Sam USER <{sam.email}>", "Sam USER <new@example.org>"}
        _, text = mails["Sam USER <new@example.org>"]
        token = text.split("/verify-email/")[1].split()[0]
        assert await sam.status("POST", "/api/auth/verify-email", token=token) == 204
        assert (await root.client.get(sam.path)).json()["email_verified_at"] is not None
