"""Browser sessions: sign-in and sign-out, how they end, and what an attacker would try."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
import unicodedata
from datetime import timedelta

import msgspec
import pytest

from changemaker_core import new_id, utcnow
from changemaker_core.app import create_app
from changemaker_core.features.accounts import api
from changemaker_core.features.accounts.browser import services
from changemaker_core.features.accounts.browser.models import FlashRow
from changemaker_core.features.accounts.browser.tokens import SessionTokens
from changemaker_core.features.accounts.sessions import services as sessions
from changemaker_core.features.accounts.sessions.models import UserSession
from changemaker_core.features.accounts.users.models import User
from changemaker_core.http.sessions import FlashMessage
from changemaker_core.testing import as_role, client_of
from changemaker_core.testing.session_client import SessionClient
from tests.accounts.joining.mailbox import Mailbox

EMAIL, PASSWORD = "organiser@example.org", "wide river, slow boat"
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
#: httpx sends no type for a form without fields; browsers do.
NOTHING = {"unused": ""}


class Clock:
    """A clock that a test moves."""

    def __init__(self):
        self.ahead = timedelta(0)

    def __call__(self):
        return utcnow() + self.ahead


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def signed_up(open_app, clock):
    """An open app with one user, and a browser that has not signed in."""

    @contextlib.asynccontextmanager
    async def open_(*plugins, **config):
        async with open_app(*plugins, clock=clock, **config) as app:
            await asyncio.to_thread(
                lambda: api.create_user(
                    app.site, email=EMAIL, name="Organiser", role="USER", password=PASSWORD
                )
            )
            async with browser_of(app) as browser:
                yield app, browser

    return open_


def browser_of(app):
    """A browser: a client that accepts pages and keeps cookies."""
    return client_of(app, headers={"Accept": "text/html"})


async def sign_in(browser, email=EMAIL, password=PASSWORD, **fields):
    return await browser.post(
        "/sign-in", data={"email": email, "password": password, **fields}, headers=SAME_SITE
    )


async def is_signed_in(browser):
    return (await browser.get("/account/sessions")).status_code == 200


async def test_sign_in_opens_a_session_and_sign_out_ends_it(signed_up):
    async with signed_up() as (_, browser):
        assert not await is_signed_in(browser)
        response = await sign_in(browser)
        assert (response.status_code, response.headers["location"]) == (303, "/account/sessions")
        cookie = response.headers["set-cookie"]
        assert cookie.startswith("cm_session=")
        for attribute in ("HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=604800"):
            assert attribute in cookie
        assert "Secure" not in cookie  # the test's address is not encrypted
        assert await is_signed_in(browser)
        me = await browser.get("/api/auth/me")
        assert me.json()["email"] == EMAIL

        stolen = browser.cookies["cm_session"]
        response = await browser.post("/sign-out", headers=SAME_SITE, data=NOTHING)
        assert response.status_code == 303
        assert "Max-Age=0" in response.headers["set-cookie"]
        assert not await is_signed_in(browser)
        browser.cookies.set("cm_session", stolen, domain="127.0.0.1")
        assert not await is_signed_in(browser)


async def test_only_the_hash_of_the_token_is_stored(signed_up):
    async with signed_up() as (app, browser):
        await sign_in(browser)
        token = browser.cookies["cm_session"]
        rows = await app.site.db.read(lambda: list(UserSession.select().dicts()))
        assert len(rows) == 1
        assert token not in repr(rows)
        assert rows[0]["token_hash"] == SessionTokens(app.site.config.secret_keys).hash(token)


async def test_another_secret_key_ends_sessions_unless_the_former_is_configured(signed_up):
    async with signed_up() as (app, browser):
        await sign_in(browser)
        former = app.site.config.secret_key
        new = {"secret_key": "another secret key of this site".ljust(48, ".")}
        kept = new | {"previous_secret_keys": ("not this one".ljust(48, "."), former)}
        for changes, signed_in in ((new, False), (kept, True)):
            other_app = create_app(msgspec.structs.replace(app.site.config, **changes), [])
            async with other_app.lifespan(), browser_of(other_app) as other:
                other.cookies.set("cm_session", browser.cookies["cm_session"], domain="127.0.0.1")
                assert await is_signed_in(other) == signed_in


@pytest.mark.parametrize(
    ("email", "password"), [(EMAIL, "not the password"), ("nobody@example.org", PASSWORD)]
)
async def test_whatever_is_wrong_the_page_is_the_same(signed_up, email, password):
    async with signed_up() as (_, browser):
        response = await sign_in(browser, email, password)
        assert response.status_code == 422
        assert "set-cookie" not in response.headers
        assert response.headers["cache-control"] == "no-store"
        assert "The email address or password is wrong." in response.text
        assert password not in response.text
        assert re.search(r"<input[^>]+type=\"password\"", response.text)
        assert f'value="{email}"' in response.text


async def test_a_suspended_user_is_told_the_same(signed_up):
    async with signed_up() as (app, browser):
        await asyncio.to_thread(lambda: api.suspend(app.site, email=EMAIL))
        assert "The email address or password is wrong." in (await sign_in(browser)).text


async def test_too_many_attempts_are_refused_on_the_page(signed_up):
    async with signed_up() as (_, browser):
        responses = [await sign_in(browser, f"u{n}@example.org") for n in range(11)]
        assert [each.status_code for each in responses] == [422] * 10 + [429]
        wait = int(responses[-1].headers["retry-after"])
        assert 0 < wait <= 60
        assert responses[-1].headers["ratelimit"] == f'"accounts.login.ip";r=0;t={wait}'
        assert "Too many attempts" in responses[-1].text


async def test_sign_in_rotates_the_session(signed_up):
    """A token that somebody planted, or that was used before, is not that of the new session."""
    async with signed_up() as (_, browser):
        browser.cookies.set("cm_session", "planted", domain="127.0.0.1", path="/")
        await sign_in(browser)
        first = browser.cookies["cm_session"]
        assert first != "planted"
        await sign_in(browser)
        second = browser.cookies["cm_session"]
        assert second != first
        browser.cookies.set("cm_session", first, domain="127.0.0.1", path="/")
        assert not await is_signed_in(browser)


async def test_a_session_ends_when_it_is_not_used(signed_up, clock):
    async with signed_up(plugin_tables={"accounts": {"session_idle_minutes": 60}}) as (_, browser):
        await sign_in(browser)
        for _ in range(4):
            clock.ahead += timedelta(minutes=50)
            assert await is_signed_in(browser)
        clock.ahead += timedelta(minutes=61)
        assert not await is_signed_in(browser)


async def test_a_session_ends_however_it_is_used(signed_up, clock):
    async with signed_up(plugin_tables={"accounts": {"session_days": 1}}) as (_, browser):
        await sign_in(browser)
        for _ in range(3):
            clock.ahead += timedelta(hours=7)
            assert await is_signed_in(browser)
        clock.ahead += timedelta(hours=4)
        assert not await is_signed_in(browser)


async def test_use_is_stored_at_most_ten_times_in_the_idle_time(signed_up, clock):
    async with signed_up(plugin_tables={"accounts": {"session_idle_minutes": 60}}) as (app, b):
        await sign_in(b)
        seen = set()
        for _ in range(20):
            clock.ahead += timedelta(minutes=1)
            assert await is_signed_in(b)
            row = await app.site.db.read(lambda: UserSession.select().get())
            seen.add(row.seen_at)
        assert 3 <= len(seen) <= 5


@pytest.mark.parametrize("how", ["suspend", "password"])
async def test_suspension_and_a_new_password_end_every_session(signed_up, how):
    async with signed_up() as (app, browser), browser_of(app) as phone:
        login = {"email": EMAIL, "password": PASSWORD}
        tokens = (await phone.post("/api/auth/login", json=login)).json()
        await sign_in(browser)
        await sign_in(phone)
        assert await is_signed_in(browser)

        def end():
            if how == "suspend":
                api.suspend(app.site, email=EMAIL)
            else:
                api.set_password(app.site, email=EMAIL, password="slow boat, wide river")

        await asyncio.to_thread(end)
        assert not await is_signed_in(browser)
        assert not await is_signed_in(phone)
        refresh = {"refresh_token": tokens["refresh_token"]}
        assert (await phone.post("/api/auth/refresh", json=refresh)).status_code == 401


async def test_a_person_changes_their_password(open_app):
    """Every session ends but the one in this browser, which gets another token."""
    async with open_app() as app, as_role(app, "USER") as browser, browser_of(app) as other:
        email = (await browser.get("/api/auth/me")).json()["email"]
        await sign_in(other, email)
        before = browser.cookies["cm_session"]
        new = "  slow boat, wide rivière "
        for fields, problem in (
            ({"current": "not it", "new": new}, "This is not your password."),
            ({"current": PASSWORD, "new": "short"}, "at least 12 characters"),
            ({"current": "", "new": ""}, "This field is required."),
        ):
            response = await browser.submit("/account/password", fields)
            assert (response.status_code, problem in response.text) == (422, True)
        assert await is_signed_in(other)
        response = await browser.submit("/account/password", {"current": PASSWORD, "new": new})
        assert response.status_code == 303, response.text
        assert browser.cookies["cm_session"] != before
        assert await is_signed_in(browser)
        assert not await is_signed_in(other)
        ((to, subject, _),) = await Mailbox(app.site).new()
        assert (to, subject) == (f"Sam Sample <{email}>", "Your password was changed")
        # Typed on another system: the accent is a character of its own, the space a hard one.
        other_way = unicodedata.normalize("NFD", new).replace(" ", "\u00a0", 1)
        assert (await sign_in(other, email, other_way)).status_code == 303
        for password, status in ((new, 200), (other_way, 200), (new.strip(), 401)):
            login = {"email": email, "password": password}
            response = await other.post("/api/auth/login", json=login, headers=SAME_SITE)
            assert response.status_code == status


async def test_who_must_wait_to_change_a_password_is_told_how_long(open_app):
    async with open_app() as app, as_role(app, "USER") as browser:
        fields = {"current": "not it", "new": "something long enough"}
        codes = [await browser.submit("/account/password", fields) for _ in range(5)]
        assert codes[-1].status_code == 429
        assert int(codes[-1].headers["Retry-After"]) >= 1
        assert "Too many attempts" in codes[-1].text


async def test_a_suspension_that_bypasses_the_api_counts_as_well(signed_up):
    async with signed_up() as (app, browser):
        await sign_in(browser)
        assert await is_signed_in(browser)
        await app.site.db.write(lambda tx: User.update(status="SUSPENDED").execute())
        assert not await is_signed_in(browser)


async def test_a_password_that_is_replaced_meanwhile_opens_no_session(signed_up, monkeypatch):
    """The former password was right when it was looked at, and is not when the session opens."""
    from changemaker_core.features.accounts import passwords

    async with signed_up() as (app, browser):
        matches = passwords.matches

        def meanwhile(*given):
            result = matches(*given)
            api.set_password(app.site, email=EMAIL, password="slow boat, wide river")
            return result

        monkeypatch.setattr(passwords, "matches", meanwhile)
        assert (await sign_in(browser)).status_code == 422
        assert await app.site.db.read(lambda: UserSession.select().count()) == 0


async def test_who_knows_the_former_password_does_not_win_against_its_owner(signed_up, monkeypatch):
    """The owner gets a new one while that of a thief is hashed."""
    from changemaker_core.features.accounts import passwords

    async with signed_up() as (app, thief):
        await sign_in(thief)
        csrf = {"csrf_token": await token_of(thief)}
        hash_password, owners = passwords.hash_password, "slow boat, wide river"

        def meanwhile(password):
            monkeypatch.setattr(passwords, "hash_password", hash_password)
            api.set_password(app.site, email=EMAIL, password=owners)
            return hash_password(password)

        monkeypatch.setattr(passwords, "hash_password", meanwhile)
        fields = {"current": PASSWORD, "new": "something else entirely", **csrf}
        refused = await thief.post("/account/password", data=fields, headers=SAME_SITE)
        assert (refused.status_code, "This is not your password." in refused.text) == (422, True)
        assert await app.site.db.read(lambda: UserSession.select().count()) == 0
        assert (await sign_in(thief, password=owners)).status_code == 303
        assert await Mailbox(app.site).new() == []


async def test_a_user_ends_sessions_one_by_one_or_all_at_once(open_app):
    async with open_app() as app, as_role(app, "USER") as browser:
        me = (await browser.get("/api/auth/me")).json()
        others = [browser_of(app) for _ in range(3)]
        for other in others:
            await sign_in(other, me["email"])
        page = "/account/sessions"
        assert (await browser.get(page)).text.count("This device") == 1

        rows = await app.site.db.read(
            lambda: [str(row.id) for row in UserSession.select().order_by(UserSession.id)]
        )
        response = await browser.submit(f"{page}/{rows[1]}/end", page=page)
        assert response.headers["location"] == page
        assert "That device is signed out." in (await browser.get(page)).text
        assert "That device is signed out." not in (await browser.get(page)).text
        assert [await is_signed_in(each) for each in others] == [False, True, True]
        again = await browser.post(
            f"{page}/{rows[1]}/end", data=NOTHING, headers={"X-CSRF-Token": await token_of(browser)}
        )
        assert again.status_code == 404

        await browser.submit(f"{page}/end-others")
        assert [await is_signed_in(each) for each in others] == [False, False, False]
        assert "All other devices are signed out." in (await browser.get(page)).text
        for other in others:
            await other.aclose()


async def test_who_ends_their_own_session_is_signed_out(open_app):
    async with open_app() as app, as_role(app, "USER") as browser:
        row = await app.site.db.read(lambda: UserSession.select().get())
        token = {"X-CSRF-Token": await token_of(browser)}
        response = await browser.post(
            f"/account/sessions/{row.id}/end", data=NOTHING, headers=token
        )
        assert response.headers["location"] == "/sign-in?signed_out=1"
        assert "Max-Age=0" in response.headers["set-cookie"]
        assert not await is_signed_in(browser)


async def test_a_message_to_a_session_that_has_ended_fails_nothing(signed_up):
    async with signed_up() as (app, browser):
        await sign_in(browser)
        message = FlashMessage(id=new_id(), kind="success", message="Done: {n}", params={"n": 1})

        def end_meanwhile(tx, session_id):
            User.update(name="Renamed").execute()
            services.add_message(tx, session_id, message)
            assert FlashRow.get().params == {"n": 1}
            sessions.end_session(tx, session_id)
            services.add_message(tx, session_id, message)

        def stored():
            return FlashRow.select().count(), User.select().get().name

        row = await app.site.db.read(lambda: UserSession.select().get())
        await app.site.db.write(end_meanwhile, str(row.id))
        assert await app.site.db.read(stored) == (0, "Renamed")


@pytest.mark.database("postgresql")
async def test_a_message_to_a_session_that_ends_at_that_moment_fails_nothing(signed_up):
    async with signed_up() as (app, browser):
        await sign_in(browser)
        message = FlashMessage(id=new_id(), kind="success", message="Done", params={})
        session_id = str((await app.site.db.read(lambda: UserSession.select().get())).id)
        ended, commit = threading.Event(), threading.Event()

        def end(tx):
            sessions.end_session(tx, session_id)
            ended.set()
            assert commit.wait(20)

        def say(tx):
            assert ended.wait(20)
            services.add_message(tx, session_id, message)

        write = app.site.db.sync.write
        both = [asyncio.create_task(asyncio.to_thread(write, each)) for each in (end, say)]
        await asyncio.to_thread(ended.wait, 20)
        await asyncio.sleep(0.3)  # until the message waits for the end
        commit.set()
        await asyncio.gather(*both)
        assert await app.site.db.read(lambda: FlashRow.select().count()) == 0


async def test_nobody_ends_the_session_of_another(open_app):
    async with open_app() as app, as_role(app, "USER") as mine, as_role(app, "USER") as theirs:
        row = await app.site.db.read(
            lambda: UserSession.select().order_by(UserSession.id.desc()).get()
        )
        token = {"X-CSRF-Token": await token_of(mine)}
        response = await mine.post(f"/account/sessions/{row.id}/end", data=NOTHING, headers=token)
        assert response.status_code == 404
        assert await is_signed_in(theirs)


async def token_of(browser):
    """The token in the forms of a page."""
    _, _, rest = (await browser.get("/account/sessions")).text.partition(
        'name="csrf_token" value="'
    )
    return rest.partition('"')[0]


async def test_a_form_without_the_sessions_own_token_is_refused(open_app):
    async with open_app() as app, as_role(app, "USER") as mine, as_role(app, "USER") as other:
        path = "/account/sessions/end-others"
        token = await token_of(mine)
        assert token != await token_of(mine)  # masked anew each time
        for data in (NOTHING, {"csrf_token": ""}, {"csrf_token": "x" * 44}, {"csrf_token": "é"}):
            response = await mine.post(path, data=data, headers=SAME_SITE)
            assert (response.status_code, "expired" in response.text) == (403, True), data
        foreign = {"csrf_token": await token_of(other)}
        assert (await mine.post(path, data=foreign, headers=SAME_SITE)).status_code == 403
        assert (await mine.post(path, data={"csrf_token": token})).status_code == 303
        elsewhere = {"Sec-Fetch-Site": "same-site"}
        response = await mine.post(path, data={"csrf_token": token}, headers=elsewhere)
        assert response.status_code == 403


async def test_a_token_of_the_api_needs_no_csrf_token(signed_up):
    async with signed_up() as (_, browser):
        login = {"email": EMAIL, "password": PASSWORD}
        tokens = (await browser.post("/api/auth/login", json=login)).json()
        await sign_in(browser)
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        refresh = {"refresh_token": tokens["refresh_token"]}
        response = await browser.post("/api/auth/logout", json=refresh, headers=bearer)
        assert response.status_code == 204


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 204),
        ({"Origin": "http://127.0.0.1:4000"}, 204),
        ({"X-CSRF-Token": "right"}, 204),
        ({"X-CSRF-Token": "wrong", "Sec-Fetch-Site": "same-origin"}, 403),
    ],
)
async def test_json_with_a_cookie_needs_proof_of_its_origin(signed_up, headers, status):
    async with signed_up() as (_, browser):
        await sign_in(browser)
        if headers.get("X-CSRF-Token") == "right":
            headers = {"X-CSRF-Token": await token_of(browser)}
        refresh = {"refresh_token": "x" * 40}
        response = await browser.post("/api/auth/logout", json=refresh, headers=headers)
        assert response.status_code == status


async def test_who_must_sign_in_comes_back_to_where_they_were(signed_up):
    async with signed_up() as (_, browser):
        response = await browser.get("/account/sessions?a=1&b=%C3%A9")
        assert response.status_code == 303
        assert response.headers["cache-control"] == "no-store"
        page = await browser.get(response.headers["location"])
        assert page.status_code == 200
        _, _, rest = page.text.partition('name="next" value="')
        response = await sign_in(browser, next=rest.partition('"')[0])
        assert response.headers["location"] == "/account/sessions?a=1&b=%C3%A9"


@pytest.mark.parametrize(
    "path", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "x" * 99]
)
async def test_nobody_else_says_where_sign_in_leads(signed_up, path):
    async with signed_up() as (app, browser):
        other = app.site.signer("somebody.else").write(path)
        for sent in (path, other):
            response = await sign_in(browser, next=sent)
            assert response.headers["location"] == "/account/sessions"


async def test_programs_get_401_instead_of_a_page(signed_up):
    async with signed_up() as (_, browser):
        bearer = {"Authorization": "Bearer nonsense"}
        assert (await browser.get("/account/sessions", headers=bearer)).status_code == 401
        assert (await browser.get("/api/auth/me")).status_code == 401
        json = {"Accept": "application/json"}
        assert (await browser.get("/account/sessions", headers=json)).status_code == 401
        response = await browser.post(
            "/account/sessions/end-others", data=NOTHING, headers=SAME_SITE
        )
        assert response.status_code == 401
        assert 'href="/sign-in"' in response.text


async def test_the_cookie_is_bound_to_its_host_behind_tls(signed_up):
    tls = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7", **SAME_SITE}
    async with signed_up(trusted_proxies=("127.0.0.0/8",), base_url="https://act.example.org") as (
        _,
        browser,
    ):
        data = {"email": EMAIL, "password": PASSWORD}
        response = await browser.post("/sign-in", data=data, headers=tls)
        cookie = response.headers["set-cookie"]
        assert cookie.startswith("__Host-cm_session=")
        assert "; Secure" in cookie
        assert "Path=/;" in cookie
        assert "Domain" not in cookie
        token = cookie.partition("=")[2].partition(";")[0]
        page = "/account/sessions"
        right = {**tls, "Cookie": f"__Host-cm_session={token}"}
        assert (await browser.get(page, headers=right)).status_code == 200
        # A cookie that another host of the domain could set does not count.
        planted = {**tls, "Cookie": f"cm_session={token}"}
        assert (await browser.get(page, headers=planted)).status_code == 303


async def test_under_a_prefix_the_cookie_is_the_mounted_sites_alone(signed_up):
    async with signed_up() as (app, _):
        async with SessionClient(
            transport=mounted(app, "/act"), base_url="http://127.0.0.1:4000/act"
        ) as browser:
            data = {"email": EMAIL, "password": PASSWORD}
            response = await browser.post("/sign-in", data=data, headers=SAME_SITE)
            assert response.headers["location"] == "/act/account/sessions"
            assert "; Path=/act;" in response.headers["set-cookie"]
            page = await browser.get("/account/sessions", headers={"Accept": "text/html"})
            assert page.status_code == 200
            assert 'action="/act/sign-out"' in page.text


def mounted(app, prefix):
    """The app under a prefix, as a framework calls it that has mounted it."""
    import httpx

    async def called(scope, receive, send):
        await app({**scope, "root_path": prefix}, receive, send)

    return httpx.ASGITransport(app=called, raise_app_exceptions=False)


async def test_sessions_of_one_user_are_bounded(signed_up, monkeypatch):
    from changemaker_core.features.accounts.signing_in import services as rules

    monkeypatch.setattr(sessions, "SESSIONS_PER_USER", 3)
    generous = rules.SlidingWindow("generous", 1000, timedelta(minutes=1))
    monkeypatch.setattr(rules, "LOGINS_PER_VISITOR", generous)
    async with signed_up() as (app, first):
        await sign_in(first)
        for _ in range(3):
            async with browser_of(app) as other:
                await sign_in(other)
        assert await app.site.db.read(lambda: UserSession.select().count()) == 3
        assert not await is_signed_in(first)


async def test_a_session_ends_in_other_processes_too(make_config, signed_up):
    """Another site object over the same database stands for another process."""
    from changemaker_core.app import create_app

    async with signed_up() as (app, browser):
        other_app = create_app(app.site.config, [])
        async with other_app.lifespan(), browser_of(other_app) as same_browser:
            await sign_in(browser)
            same_browser.cookies = browser.cookies
            assert await is_signed_in(same_browser)
            assert await is_signed_in(same_browser)
            await asyncio.to_thread(lambda: api.suspend(app.site, email=EMAIL))
            deadline = asyncio.get_running_loop().time() + 5
            while await is_signed_in(same_browser):
                assert asyncio.get_running_loop().time() < deadline
                await asyncio.sleep(0.02)
