"""Links in mails: what they do, who gets them, and what an attacker would try."""

from __future__ import annotations

import asyncio
import contextlib
import re

import pytest

from changemaker_core import Forbidden
from changemaker_core.features.accounts import api
from changemaker_core.features.accounts.joining import services
from changemaker_core.features.accounts.joining.models import Link
from changemaker_core.features.accounts.joining.purposes import PER_VISITOR
from changemaker_core.features.accounts.twofactor import challenge_cookie
from changemaker_core.features.accounts.twofactor.models import TwoFactor
from changemaker_core.features.accounts.users.models import User
from changemaker_core.testing import Clock, client_of
from tests.accounts.joining.mailbox import Mailbox

EMAIL, PASSWORD = "ada@example.org", "wide river, slow boat"
NEW = "green hills, far away"
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
#: httpx sends no type for a form without fields; browsers do.
NOTHING = {"unused": ""}


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def opened(open_app, clock):
    """An app with one user, a browser that has not signed in, and the mailbox."""

    @contextlib.asynccontextmanager
    async def open_(**config):
        async with open_app(clock=clock, **config) as app:
            await asyncio.to_thread(
                lambda: api.create_user(
                    app.site, email=EMAIL, name="Ada", role="USER", password=PASSWORD
                )
            )
            async with client_of(app, headers={"Accept": "text/html"}) as browser:
                yield app, browser, Mailbox(app.site)

    return open_


async def ask(browser, path, email=EMAIL, **fields):
    return await browser.post(path, data={"email": email, **fields}, headers=SAME_SITE)


async def press(browser, path, **fields):
    return await browser.post(path, data=fields or NOTHING, headers=SAME_SITE)


async def can_sign_in(app, password, email=EMAIL):
    async with client_of(app) as client:
        body = {"email": email, "password": password}
        return (await client.post("/api/auth/login", json=body)).status_code == 200


async def test_a_forgotten_password_is_replaced_once(opened):
    async with opened() as (app, browser, mailbox), client_of(app) as phone:
        body = {"email": EMAIL, "password": PASSWORD}
        session = (await phone.post("/api/auth/login", json=body)).json()
        phone.headers["Authorization"] = f"Bearer {session['access_token']}"
        key = {"name": "Import", "permissions": ["accounts.me.read"]}
        assert (await phone.post("/api/api-keys", json=key)).status_code == 201
        ((to, subject, text),) = await mailbox.new()
        assert (to, subject) == (
            "Ada <ada@example.org>",
            "An API key was created for your account",
        )
        assert "/account/api-keys" in text
        asked = await ask(browser, "/forgot-password", "Ada@Example.ORG")
        assert (asked.status_code, asked.headers["location"]) == (303, "/forgot-password?sent=true")
        path = f"/reset-password/{await mailbox.token('/reset-password')}"
        for _ in range(2):  # a program that opens the links of mails uses none up
            page = await browser.get(path)
            assert page.status_code == 200
            assert page.headers["referrer-policy"] == "strict-origin"
            assert page.headers["cache-control"] == "no-store"
        weak = await press(browser, path, password="short")
        assert (weak.status_code, "at least 12 characters" in weak.text) == (422, True)
        assert (await phone.get("/api/auth/me")).status_code == 200
        done = await press(browser, path, password=NEW)
        assert (done.status_code, done.headers["location"]) == (
            303,
            "/sign-in?password_changed=true",
        )
        assert (await phone.get("/api/auth/me")).status_code == 401
        assert not await can_sign_in(app, PASSWORD)
        assert await can_sign_in(app, NEW)
        again = await press(browser, path, password="yet another password")
        assert (again.status_code, "/forgot-password" in again.text) == (404, True)
        ((to, subject, text),) = await mailbox.new()
        assert (to, subject) == ("Ada <ada@example.org>", "Your password was changed")
        assert "Your API keys still work." in text
        assert "/account/api-keys" in text


async def test_nothing_tells_whether_an_address_has_an_account(opened, monkeypatch):
    """Neither the response nor what the request does: the look-up is a job's."""

    def look_up(email):
        raise AssertionError("the request looks the account up")

    async with opened(plugin_tables={"accounts": {"registration": "open"}}) as (
        _,
        browser,
        mailbox,
    ):
        responses = []
        with monkeypatch.context() as patch:
            patch.setattr(services, "account_by_email", look_up)
            for path in ("/forgot-password", "/sign-in-link", "/register"):
                for email in (EMAIL, "nobody@example.org"):
                    response = await ask(browser, path, email)
                    responses.append((response.status_code, response.headers["location"]))
        assert responses[0::2] == responses[1::2]
        mails = await mailbox.new()
        assert sorted((to, subject) for to, subject, _ in mails) == [
            ("Ada <ada@example.org>", "Choose a new password"),
            ("Ada <ada@example.org>", "Sign in to Changemaker"),
            ("Ada <ada@example.org>", "You already have an account at Changemaker"),
            ("nobody@example.org", "Finish your registration at Changemaker"),
        ]


async def test_who_registers_chooses_the_password_by_the_link(opened):
    config = {"registration": "open", "registration_domains": ["example.org", "bücher.example"]}
    async with opened(plugin_tables={"accounts": config}) as (app, browser, mailbox):
        refused = await ask(browser, "/register", "eve@example.com")
        assert (refused.status_code, "Use an address of example.org" in refused.text) == (422, True)
        await ask(browser, "/register", "Grace@Example.org", next="forged")
        path = f"/join/{await mailbox.token('/join')}"
        assert "grace@example.org" in (await browser.get(path)).text
        assert not await can_sign_in(app, NEW, "grace@example.org")
        joined = await press(browser, path, name="Grace", password=NEW)
        assert (joined.status_code, joined.headers["location"]) == (303, "/account/sessions")
        assert (await browser.get("/account/sessions")).status_code == 200
        assert (await press(browser, path, name="Eve", password=NEW)).status_code == 404
        assert await can_sign_in(app, NEW, "grace@example.org")
        await ask(browser, "/register", "ida@bücher.example")
        assert await mailbox.token("/join")


async def test_registration_is_closed_unless_it_is_opened(opened):
    async with opened() as (app, browser, mailbox), client_of(app) as client:
        assert (await browser.get("/register")).status_code == 403
        assert (await ask(browser, "/register")).status_code == 403
        response = await client.post("/api/auth/register", json={"email": "x@example.org"})
        assert (response.status_code, response.json()["code"]) == (403, "registration_closed")
        assert "/register" not in (await browser.get("/sign-in")).text
        assert await mailbox.new() == []


async def test_a_link_signs_in_once_within_fifteen_minutes(opened, clock):
    async with opened() as (app, browser, mailbox):
        next_page = api.sign_in_address(app.site, "/account/password").partition("next=")[2]
        await ask(browser, "/sign-in-link", next=next_page)
        path = f"/sign-in-link/{await mailbox.token('/sign-in-link')}"
        assert (await browser.get(path)).status_code == 200
        assert (await browser.get("/account/sessions")).status_code == 303
        done = await press(browser, path)
        assert (done.status_code, done.headers["location"]) == (303, "/account/password")
        assert (await browser.get("/account/sessions")).status_code == 200
        assert (await press(browser, path)).status_code == 404
        await ask(browser, "/sign-in-link")
        path = f"/sign-in-link/{await mailbox.token('/sign-in-link')}"
        clock.forward(minutes=15)
        assert (await browser.get(path)).status_code == 404
        assert (await press(browser, path)).status_code == 404


async def test_the_operator_passes_a_link_on(opened):
    async with opened() as (app, browser, mailbox):

        async def path_of(purpose):
            return await asyncio.to_thread(
                lambda: api.issue_link(app.site, purpose=purpose, email=EMAIL, mailed=False)
            )

        reset = await path_of("reset")
        assert (await press(browser, reset, password=NEW)).status_code == 303
        assert await can_sign_in(app, NEW)
        (notice,) = await mailbox.new()
        assert notice[1] == "Your password was changed"  # and no mail with the link
        assert (await press(browser, await path_of("sign_in"))).status_code == 303
        assert (await browser.get("/account/sessions")).status_code == 200


async def test_the_operator_makes_no_link_that_is_turned_off(opened):
    async with opened(plugin_tables={"accounts": {"magic_links": False}}) as (app, _, _):
        with pytest.raises(Forbidden):
            await asyncio.to_thread(
                lambda: api.issue_link(app.site, purpose="sign_in", email=EMAIL, mailed=False)
            )


async def test_neither_a_link_nor_a_new_password_replaces_the_second_factor(opened, clock):
    async with opened() as (app, browser, mailbox), client_of(app) as client:

        def turn_on(tx):
            user = User.get().id
            TwoFactor.insert(user=user, secret="", last_step=0, enabled_at=clock()).execute()

        app.site.db.sync.write(turn_on)
        await ask(browser, "/sign-in-link")
        path = f"/sign-in-link/{await mailbox.token('/sign-in-link')}"
        asked = await press(browser, path)
        assert (asked.status_code, asked.headers["location"]) == (303, challenge_cookie.PATH)
        assert (await browser.get("/account/sessions")).status_code == 303
        await ask(browser, "/sign-in-link")
        body = {"token": await mailbox.token("/sign-in-link")}
        response = (await client.post("/api/auth/magic-link/sign-in", json=body)).json()
        assert set(response) & {"access_token", "challenge"} == {"challenge"}
        await ask(browser, "/forgot-password")
        path = f"/reset-password/{await mailbox.token('/reset-password')}"
        assert (await press(browser, path, password=NEW)).status_code == 303
        body = {"email": EMAIL, "password": NEW}
        response = (await client.post("/api/auth/login", json=body)).json()
        assert set(response) & {"access_token", "challenge"} == {"challenge"}


async def test_the_api_does_what_the_pages_do(opened):
    config = {"plugin_tables": {"accounts": {"registration": "open"}}}
    async with opened(**config) as (app, _, mailbox), client_of(app) as client:

        async def post(path, **body):
            return await client.post(f"/api/auth/{path}", json=body)

        assert (await post("register", email="grace@example.org")).status_code == 202
        token = await mailbox.token("/join")
        weak = await post("join", token=token, name="Grace", password="grace@example.org")
        assert (weak.status_code, weak.json()["errors"][0]["field"]) == (422, "password")
        joined = await post("join", token=token, name="Grace", password=PASSWORD)
        assert (joined.status_code, joined.json()["email"]) == (200, "grace@example.org")
        assert (await post("forgot-password", email="grace@example.org")).status_code == 202
        token = await mailbox.token("/reset-password")
        assert (await post("verify-email", token=token)).status_code == 404
        assert (await post("magic-link/sign-in", token=token)).status_code == 404
        assert (await post("reset-password", token=token, password=NEW)).status_code == 204
        ended = await post("reset-password", token=token, password=NEW)
        assert (ended.status_code, ended.json()["code"]) == (404, "link_ended")
        await mailbox.new()
        assert (await post("magic-link", email="grace@example.org")).status_code == 202
        session = await post("magic-link/sign-in", token=await mailbox.token("/sign-in-link"))
        client.headers["Authorization"] = f"Bearer {session.json()['access_token']}"
        assert (await post("email", email="hopper@example.org")).status_code == 202
        token = await mailbox.token("/verify-email")
        assert (await client.get("/api/auth/me")).json()["email"] == "grace@example.org"
        assert (await post("verify-email", token=token)).status_code == 204
        assert (await client.get("/api/auth/me")).json()["email"] == "hopper@example.org"
        assert [to for to, _, _ in await mailbox.new()] == ["Grace <grace@example.org>"]


async def test_a_new_address_may_be_somebody_elses_by_the_time_it_is_confirmed(opened):
    async with opened() as (app, browser, mailbox), client_of(app) as client:
        body = {"email": EMAIL, "password": PASSWORD}
        session = (await client.post("/api/auth/login", json=body)).json()
        bearer = {"Authorization": f"Bearer {session['access_token']}"}

        async def change(email):
            response = await client.post("/api/auth/email", json={"email": email}, headers=bearer)
            assert response.status_code == 202

        await change("new@example.org")
        token = await mailbox.token("/verify-email")
        await asyncio.to_thread(
            lambda: api.create_user(app.site, email="new@example.org", name="Eve", role="USER")
        )
        taken = await client.post("/api/auth/verify-email", json={"token": token})
        assert (taken.status_code, taken.json()["code"]) == (409, "email_taken")
        page = await press(browser, f"/verify-email/{token}")
        assert (page.status_code, "already has an account" in page.text) == (409, True)
        # Asked for an address that has one, the response is the same, and its owner gets a mail.
        await change("new@example.org")
        ((to, subject, _),) = await mailbox.new()
        assert (to, subject.startswith("You already have")) == ("Eve <new@example.org>", True)
        assert await can_sign_in(app, PASSWORD)


@pytest.mark.parametrize("change", ["suspended", "expired", "moved", "deleted"])
async def test_a_link_ends_with_what_it_was_sent_for(opened, clock, change):
    values = {
        "suspended": {"status": "SUSPENDED"},
        "expired": {"expires_at": clock()},
        "moved": {"email": "other@example.org"},
    }
    async with opened() as (app, browser, mailbox):
        paths = []
        for page, path in (("/forgot-password", "/reset-password"), ("/sign-in-link",) * 2):
            await ask(browser, page)
            paths.append(f"{path}/{await mailbox.token(path)}")

        def write(tx):
            if change == "deleted":
                User.delete().execute()
            else:
                User.update(**values[change]).execute()

        app.site.db.sync.write(write)
        for path in paths:
            assert (await browser.get(path)).status_code == 404
            assert (await press(browser, path, password=NEW)).status_code == 404
        await ask(browser, "/forgot-password")
        expected = []
        assert await mailbox.new() == expected


async def test_who_asks_in_the_name_of_others_neither_floods_nor_keeps_them_out(opened, clock):
    async with opened() as (_, browser, mailbox):
        for _ in range(5):
            assert (await ask(browser, "/forgot-password")).status_code == 303
        mails = await mailbox.new()
        assert len(mails) == 3
        clock.forward(minutes=59)
        path = re.search(r"http\S+(/reset-password/\S+)", mails[0][2])[1]
        assert (await browser.get(path)).status_code == 200
        for number in range(PER_VISITOR.limit - 5):
            assert (
                await ask(browser, "/forgot-password", f"a{number}@example.org")
            ).status_code == 303
        refused = await ask(browser, "/forgot-password", "z@example.org")
        assert (refused.status_code, "retry-after" in refused.headers) == (429, True)
        assert "Too many attempts" in refused.text


@pytest.mark.parametrize("token", ["x", "A" * 400, "%00", "é", "A" * 9_000])
async def test_what_is_no_token_is_a_link_that_ended(opened, token):
    async with opened() as (_, browser, _):
        for path in ("/join", "/reset-password", "/sign-in-link", "/verify-email"):
            response = await browser.get(f"{path}/{token}")
            assert response.status_code in (404, 414)


async def test_a_copy_of_the_database_opens_no_link(opened):
    """A token is signed; the id alone, which a reader of the database has, is none."""
    async with opened() as (app, browser, mailbox):
        await ask(browser, "/forgot-password")
        await mailbox.new()
        (id,) = app.site.db.sync.read(lambda: [str(row.id) for row in Link.select()])
        forged = app.site.signer("accounts.next").write(id)
        for token in (id, forged):
            assert (await browser.get(f"/reset-password/{token}")).status_code == 404


async def test_of_two_who_use_a_link_at_once_one_does(opened):
    async with opened() as (_, browser, mailbox):
        await ask(browser, "/forgot-password")
        path = f"/reset-password/{await mailbox.token('/reset-password')}"
        both = [press(browser, path, password=password) for password in (NEW, NEW[::-1])]
        assert sorted(each.status_code for each in await asyncio.gather(*both)) == [303, 404]
        assert len(await mailbox.new()) == 1
