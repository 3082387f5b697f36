"""Two-factor sign-in: codes, recovery codes, sign-in in two steps, and what an attacker tries."""

from __future__ import annotations

import asyncio
import contextlib
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core import Permission, Plugin, Role, Site, SlidingWindow
from changemaker_core.app import create_app
from changemaker_core.features.accounts import api
from changemaker_core.features.accounts.roles.models import StoredRole
from changemaker_core.features.accounts.roles.rights import rights_of
from changemaker_core.features.accounts.roles.roles import roles_of
from changemaker_core.features.accounts.sessions.models import UserSession
from changemaker_core.features.accounts.signing_in import services as waits
from changemaker_core.features.accounts.twofactor import checks, codes, queries, services
from changemaker_core.features.accounts.twofactor.models import RecoveryCode, TwoFactor
from changemaker_core.features.accounts.users.models import User
from changemaker_core.features.settings.api import change_settings, rotate_secrets
from changemaker_core.testing import Clock, as_role, client_of
from changemaker_core.testing.session_client import SessionClient
from tests.accounts.joining.mailbox import Mailbox

EMAIL, PASSWORD = "organiser@example.org", "wide river, slow boat"
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # "12345678901234567890", as in RFC 6238
OWN = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def enrolled(open_app, clock):
    """The app with one user who has turned it on, their authenticator, and their codes."""

    @contextlib.asynccontextmanager
    async def open_():
        async with open_app(clock=clock) as app, client_of(app) as client:
            await asyncio.to_thread(
                lambda: api.create_user(
                    app.site, email=EMAIL, name="Sam", role="USER", password=PASSWORD
                )
            )
            token, other = [(await login(client)).json()["access_token"] for _ in range(2)]
            owner = client_of(app, headers={"Authorization": f"Bearer {token}"})
            begun = (await owner.post("/api/auth/totp/enable")).json()
            phone = Phone(begun["secret"], clock)
            body = {"setup": begun["setup"], "code": phone.code()}
            verified = await owner.post("/api/auth/totp/verify", json=body)
            assert verified.status_code == 200, verified.text
            # Sessions from before were opened without it.
            former = await client.get("/api/auth/me", headers={"Authorization": f"Bearer {other}"})
            assert former.status_code == 401
            yield app, client, phone, verified.json()["recovery_codes"], owner
            await owner.aclose()

    return open_


class Phone:
    """An authenticator app."""

    def __init__(self, secret, clock):
        self.secret, self.clock = secret.replace(" ", ""), clock

    def code(self, ahead=0):
        return codes.code_of(self.secret, codes.step_of(self.clock()) + ahead)

    def next_code(self):
        """The code after the next half minute has begun."""
        self.clock.forward(seconds=30)
        return self.code()


async def login(client, password=PASSWORD):
    return await client.post("/api/auth/login", json={"email": EMAIL, "password": password})


async def challenge_of(client):
    response = await login(client)
    assert response.json()["status"] == "code_needed", response.text
    return response.json()["challenge"]


async def send(client, challenge, code):
    body = {"challenge": challenge, "code": code}
    return await client.post("/api/auth/login/code", json=body)


async def sessions(app):
    return await app.site.db.read(lambda: UserSession.select().count())


async def test_a_password_alone_opens_no_session(enrolled):
    async with enrolled() as (app, client, phone, recovery, owner):
        before = await sessions(app)
        response = await login(client)
        assert set(response.json()) == {"status", "challenge", "expires_in"}
        assert response.json()["expires_in"] == 300
        assert "set-cookie" not in response.headers
        assert await sessions(app) == before
        signed_in = await send(client, response.json()["challenge"], phone.next_code())
        assert signed_in.json()["status"] == "signed_in"
        bearer = {"Authorization": f"Bearer {signed_in.json()['access_token']}"}
        assert (await client.get("/api/auth/me", headers=bearer)).status_code == 200
        assert "cm_device=" in signed_in.headers["set-cookie"]
        assert "Path=/api/auth/login;" in signed_in.headers["set-cookie"]
        assert (await owner.get("/api/auth/totp")).json() == {
            "enabled": True,
            "recovery_codes_left": len(recovery),
        }
        wrong = await login(client, "wrong wrong wrong")
        assert wrong.json()["detail"] == "The email address or password is wrong."


async def test_each_code_is_valid_once_and_for_a_minute_and_a_half(enrolled):
    async with enrolled() as (_, client, phone, _, _):
        challenge = await challenge_of(client)
        # The code that set it up counts as used, and so does an earlier one.
        for used in (phone.code(), phone.code(-1)):
            assert (await send(client, challenge, used)).json()["code"] == "wrong_code"
        assert (await send(client, challenge, phone.code(1))).status_code == 200
        phone.clock.forward(minutes=5)
        challenge = await challenge_of(client)
        for ahead in (-2, 2):
            assert (await send(client, challenge, phone.code(ahead))).status_code == 401
        typed = f" {phone.code(-1)[:3]} {phone.code(-1)[3:]} "
        assert (await send(client, challenge, typed)).status_code == 200


async def test_of_two_who_send_one_code_at_once_one_is_let_in(enrolled, clock):
    """Another app over the same database stands for another process."""
    async with enrolled() as (app, client, phone, recovery, _):
        other_app = create_app(app.site.config, [], clock=clock)
        async with other_app.lifespan(), client_of(other_app) as other:
            for code in (phone.next_code(), recovery[0]):
                sent = [
                    await challenge_of(client),
                    await challenge_of(other),
                ]
                both = [send(client, sent[0], code), send(other, sent[1], code)]
                found = [each.status_code for each in await asyncio.gather(*both)]
                assert sorted(found) == [200, 401], code
                clock.forward(minutes=2)


async def test_a_recovery_code_signs_in_once_and_new_ones_replace_all(enrolled):
    async with enrolled() as (app, client, phone, recovery, owner):
        assert len(set(recovery)) == 10
        typed = recovery[0].upper().replace("-", " ").replace("0", "O").replace("1", "l")
        assert (await send(client, await challenge_of(client), typed)).status_code == 200
        assert (await owner.get("/api/auth/totp")).json()["recovery_codes_left"] == 9
        assert (await send(client, await challenge_of(client), recovery[0])).status_code == 401
        phone.clock.forward(minutes=2)
        new = (await owner.post("/api/auth/totp/recovery-codes")).json()["recovery_codes"]
        assert not set(new) & set(recovery)
        assert (await send(client, await challenge_of(client), recovery[1])).status_code == 401
        assert (await send(client, await challenge_of(client), new[1])).status_code == 200
        rows = await app.site.db.read(lambda: list(RecoveryCode.select().dicts()))
        stored = repr(rows) + repr(await app.site.db.read(lambda: list(TwoFactor.select().dicts())))
        assert phone.secret not in stored
        assert not any(each in stored or codes.tidy(each) in stored for each in new)


async def test_a_challenge_ends_with_its_time_and_with_any_change_of_the_account(enrolled):
    async with enrolled() as (app, client, phone, _, _):
        late = await challenge_of(client)
        phone.clock.forward(minutes=5)
        forged = app.site.signer("accounts.next").write("/")
        for challenge in (late, forged, "x", late[:-1]):
            response = await send(client, challenge, phone.code())
            assert (response.status_code, response.json()["code"]) == (401, "challenge_over")
        for change in (
            lambda: api.set_password(app.site, email=EMAIL, password=PASSWORD),
            lambda: api.suspend(app.site, email=EMAIL),
        ):
            challenge = await challenge_of(client)
            phone.clock.forward(minutes=1)
            await asyncio.to_thread(change)
            response = await send(client, challenge, phone.next_code())
            assert response.json()["code"] == "challenge_over"


async def test_guesses_of_codes_must_wait_also_from_many_networks(enrolled, monkeypatch):
    generous = SlidingWindow("generous", 1000, timedelta(minutes=1))
    monkeypatch.setattr(waits, "LOGINS_PER_VISITOR", generous)
    async with enrolled() as (app, client, phone, _, _):
        first = await send(client, await challenge_of(client), phone.next_code())
        assert first.status_code == 200  # from now on its device is known

        async def guesses(address, count):
            transport = httpx.ASGITransport(app=app, client=(address, 50_000))
            async with httpx.AsyncClient(transport=transport, base_url="http://h.org") as bad:
                challenge = await challenge_of(bad)
                return [(await send(bad, challenge, "000000")).status_code for _ in range(count)]

        assert await guesses("192.0.2.1", 5) == [401, 401, 401, 429, 429]
        found = [await guesses(f"192.0.2.{n}", 3) for n in range(2, 9)]
        assert [code for each in found for code in each].count(401) == 17
        # The owner, at the device that they know, is not kept out by any of that.
        owner = await send(client, await challenge_of(client), phone.next_code())
        assert owner.status_code == 200


async def test_turning_it_off_needs_a_recent_sign_in_with_both(enrolled, clock):
    async with enrolled() as (app, client, phone, _, owner):
        clock.forward(minutes=14)
        await app.site.db.write(
            lambda tx: UserSession.update(signed_in_at=tx.now - timedelta(minutes=15)).execute()
        )
        refused = await owner.post("/api/auth/totp/disable")
        assert refused.json()["code"] == "recent_sign_in_required"
        for body in ({"password": PASSWORD}, {"password": PASSWORD, "code": "000000"}):
            assert (await owner.post("/api/auth/confirm", json=body)).status_code == 401
        body = {"password": PASSWORD, "code": phone.code()}
        assert (await owner.post("/api/auth/confirm", json=body)).status_code == 204
        assert (await owner.post("/api/auth/totp/disable")).status_code == 204
        assert (await login(client)).json()["status"] == "signed_in"
        off = await owner.post("/api/auth/totp/recovery-codes")
        assert (off.status_code, off.json()["code"]) == (409, "two_factor_is_off")


async def test_it_is_turned_on_once_and_by_its_owner(enrolled, clock):
    async with enrolled() as (app, client, phone, _, owner):
        again = await owner.post("/api/auth/totp/enable")
        assert (again.status_code, again.json()["code"]) == (409, "two_factor_is_on")
        assert await asyncio.to_thread(lambda: api.reset_two_factor(app.site, email=EMAIL.upper()))
        assert not await asyncio.to_thread(lambda: api.reset_two_factor(app.site, email=EMAIL))
        session = (await login(client)).json()  # the one before has ended
        owner.headers["Authorization"] = f"Bearer {session['access_token']}"
        name = {"name": "Parks"}  # what organisers call themselves, in their authenticators too
        await asyncio.to_thread(change_settings, app.site, "organisation", name)
        begun = (await owner.post("/api/auth/totp/enable")).json()
        assert begun["secret"] != phone.secret
        assert begun["uri"].startswith("otpauth://totp/Parks%3Aorganiser@example.org?secret=")
        wrong = {"setup": begun["setup"], "code": "000000"}
        other = {"setup": app.site.signer("other").write(["x", "y"]), "code": "000000"}
        for body in (wrong, other):
            refused = await owner.post("/api/auth/totp/verify", json=body)
            assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "code")
        clock.forward(minutes=14)
        assert (await login(client)).json()["status"] == "signed_in"  # nothing has changed yet


async def test_the_team_resets_it_for_whoever_has_lost_their_phone(enrolled):
    """Who may: the route matrix, and the escalation table of the team's tests."""
    async with enrolled() as (app, client, _, _, owner):
        me = (await owner.get("/api/auth/me")).json()
        path = f"/api/users/{me['id']}/reset-two-factor"
        mailbox = Mailbox(app.site)
        root = {"email": "root@example.org", "password": PASSWORD}
        await asyncio.to_thread(
            lambda: api.create_user(app.site, name="Root", role="SUPER_ADMIN", **root)
        )
        session = (await client.post("/api/auth/login", json=root)).json()
        team = {"Authorization": f"Bearer {session['access_token']}"}
        assert (await client.post(path, headers=team)).status_code == 204
        assert (await owner.get("/api/auth/me")).status_code == 401
        assert (await login(client)).json()["status"] == "signed_in"
        ((to, subject, text),) = await mailbox.new()
        assert (EMAIL in to, "turned off" in subject, "/account/two-factor" in text) == (True,) * 3
        assert (await client.post(path, headers=team)).status_code == 204
        assert await mailbox.new() == []  # there was nothing to turn off
        await app.site.db.write(
            lambda tx: UserSession.update(signed_in_at=tx.now - timedelta(minutes=16)).execute()
        )
        refused = await client.post(path, headers=team)
        assert refused.json()["code"] == "recent_sign_in_required"


async def test_another_secret_key_keeps_the_authenticator_where_the_former_is_configured(
    enrolled, clock, caplog
):
    async with enrolled() as (app, _, phone, recovery, _):
        new = {"secret_key": "another secret key of this site".ljust(48, ".")}
        kept = new | {"previous_secret_keys": (app.site.config.secret_key,)}
        for changes, status in ((new, 401), (kept, 200), (new, 200)):
            config = msgspec.structs.replace(app.site.config, **changes)
            other_app = create_app(config, [], clock=clock)
            async with other_app.lifespan(), client_of(other_app) as other:
                response = await send(other, await challenge_of(other), phone.next_code())
                assert response.status_code == status
                if status == 401:
                    assert "previous_secret_keys" in caplog.text
                    response = await send(other, await challenge_of(other), recovery[0])
                    assert response.status_code == 200


async def test_authenticators_are_encrypted_anew_with_the_secrets_of_the_site(enrolled, clock):
    async with enrolled() as (app, _, phone, _, _):
        new = {"secret_key": "another secret key of this site".ljust(48, ".")}
        kept = new | {"previous_secret_keys": (app.site.config.secret_key,)}
        other = Site(msgspec.structs.replace(app.site.config, **kept), [])
        assert await other.db.write(rotate_secrets, other) == 1
        other.close()
        alone = create_app(msgspec.structs.replace(app.site.config, **new), [], clock=clock)
        async with alone.lifespan(), client_of(alone) as client:
            response = await send(client, await challenge_of(client), phone.next_code())
            assert response.status_code == 200


async def test_who_enrols_again_while_secrets_are_encrypted_keeps_the_new_one(
    enrolled, monkeypatch
):
    async with enrolled() as (app, *_):

        def read_before_a_change():
            rows = queries.authenticators().all()
            TwoFactor.update(secret="another").execute()
            return SimpleNamespace(all=lambda: rows)

        monkeypatch.setattr(services, "authenticators", read_before_a_change)
        await app.site.db.write(rotate_secrets, app.site)
        assert await app.site.db.read(lambda: TwoFactor.get().secret) == "another"


async def test_a_person_turns_it_on_and_signs_in_with_it(open_app, clock):
    async with open_app(clock=clock) as app:
        await asyncio.to_thread(
            lambda: api.create_user(
                app.site, email=EMAIL, name="Sam", role="USER", password=PASSWORD
            )
        )
        transport = httpx.ASGITransport(app=app)
        async with SessionClient(
            transport=transport, base_url="http://127.0.0.1:4000", headers={"Accept": "text/html"}
        ) as browser:
            credentials = {"email": EMAIL, "password": PASSWORD}
            await browser.submit("/sign-in", credentials)
            page = "/account/two-factor"
            shown = (await browser.get(page)).text
            assert "<svg" in shown
            secret = re.search(r"<code>([A-Z2-7 ]+)</code>", shown)[1].replace(" ", "")
            phone = Phone(secret, clock)
            setup = re.search(r'name="setup" value="([^"]+)"', shown)[1]
            refused = await browser.submit(page, {"code": "000000", "setup": setup})
            assert refused.status_code == 422
            assert secret[:4] in refused.text  # the same one: it was scanned already
            done = await browser.submit(page, {"code": phone.code(), "setup": setup})
            listed = re.findall(r"<li><code>([^<]+)</code>", done.text)
            assert (len(listed), done.headers["cache-control"]) == (10, "no-store")
            await browser.submit("/sign-out")

            assert (await browser.get("/sign-in/code")).headers["location"] == "/sign-in"
            # From an address that is too long for a cookie, sign-in leads to the menu.
            first = await browser.get("/account/sessions?x=" + "x" * 5_000)
            after = await browser.submit("/sign-in", credentials, page=first.headers["location"])
            assert len(after.headers["set-cookie"]) < 4_096
            first = await browser.get("/account/sessions")
            after = await browser.submit("/sign-in", credentials, page=first.headers["location"])
            assert after.headers["location"] == "/sign-in/code"
            assert "HttpOnly; SameSite=Strict" in after.headers["set-cookie"]
            assert (await browser.get("/account/sessions")).status_code == 303
            refused = await browser.submit("/sign-in/code", {"code": "000000"})
            assert (refused.status_code, "The code is wrong" in refused.text) == (422, True)
            signed_in = await browser.submit("/sign-in/code", {"code": phone.next_code()})
            assert signed_in.headers["location"] == "/account/sessions"
            assert (await browser.get("/account/sessions")).status_code == 200
            assert "You have 10 codes left." in (await browser.get(page)).text

            clock.forward(minutes=16)
            asked = await browser.get(page)
            confirm = {"confirm_password": PASSWORD}
            to = {"page": asked.headers["location"]}
            refused = await browser.submit("/account/confirm", confirm, **to)
            assert (refused.status_code, "The code is wrong" in refused.text) == (422, True)
            confirm["confirm_code"] = listed[0]
            assert (await browser.submit("/account/confirm", confirm, **to)).status_code == 303
            off = await browser.submit(f"{page}/off", page=page)
            assert off.headers["location"] == page
            assert "Two-factor sign-in is off." in (await browser.get(page)).text


async def test_a_code_that_comes_too_late_leads_back_to_the_password(enrolled, clock):
    async with enrolled() as (app, _, phone, _, _), client_of(app, headers=OWN) as browser:
        await browser.post("/sign-in", data={"email": EMAIL, "password": PASSWORD})
        clock.forward(minutes=5)
        late = await browser.post("/sign-in/code", data={"code": phone.code()})
        assert late.headers["location"] == "/sign-in?too_late=1"
        assert "That took too long" in (await browser.get("/sign-in?too_late=1")).text


async def test_a_role_that_needs_it_leads_there(open_app, clock):
    """Until then its holder can do nothing but that, and neither can their keys."""
    table = {"accounts": {"two_factor_roles": ["SUPER_ADMIN"]}}
    async with (
        open_app(plugin_tables=table, clock=clock) as app,
        as_role(app, "SUPER_ADMIN") as browser,
        client_of(app) as program,
    ):
        page = "/account/two-factor"
        email = (await browser.get("/api/auth/me")).json()["email"]
        credentials = {"email": email, "password": PASSWORD}
        body = {"name": "Jobs", "permissions": ["accounts.me.read"]}
        key = await browser.post("/api/api-keys", json=body, headers=OWN)
        keyed = {"x-api-key": key.json()["key"]}
        for path, headers in (("/api/users", {}), ("/api/jobs", {})):
            refused = await browser.get(path, headers=headers | {"Accept": "application/json"})
            assert (refused.status_code, refused.json()["code"]) == (403, "two_factor_required")
        beyond = {**body, "permissions": ["accounts.user.read"]}
        assert (await browser.post("/api/api-keys", json=beyond, headers=OWN)).status_code == 422
        assert (await program.get("/api/users", headers=keyed)).status_code == 403
        signed_in = await browser.post("/sign-in", data=credentials, headers=OWN)
        assert signed_in.headers["location"] == page

        shown = await browser.get(page)
        assert "Your role needs two-factor sign-in." in shown.text
        phone = Phone(re.search(r"<code>([A-Z2-7 ]+)</code>", shown.text)[1], clock)
        setup = re.search(r'name="setup" value="([^"]+)"', shown.text)[1]
        done = await browser.submit(page, {"code": phone.code(), "setup": setup})
        assert done.status_code == 200, done.text
        assert (await browser.get("/api/users")).status_code == 200
        await browser.submit(f"{page}/off", page=page)
        assert (await browser.get("/api/users")).status_code == 403


class ReadersPlugin(Plugin):
    """A role that allows two things."""

    name = "books"
    contributes = (
        *(Permission(f"books.{each}", each) for each in ("read", "lend", "sort", "burn")),
        Role("READER", "Reads", frozenset({"books.read", "books.lend", "books.sort"})),
    )


def test_a_copy_of_a_role_that_needs_it_needs_it_too(make_site):
    site = make_site(ReadersPlugin, plugin_tables={"accounts": {"two_factor_roles": ["READER"]}})
    most = ["books.read", "books.lend"]
    both = [*most, "books.sort"]
    stored = {"COPY": both, "MORE": [*both, "books.burn"], "MOST": most, "NONE": []}

    def make(tx):
        values = {"description": "x", "created_at": tx.now, "updated_at": tx.now}
        for name, permissions in stored.items():
            StoredRole.insert(name=name, permissions=permissions, **values).execute()
        User.create(email="a@b.ca", name="A", role="COPY", created_at=tx.now, updated_at=tx.now)
        return rights_of(roles_of(site), str(User.get().id)).actor().permissions

    held = site.db.sync.write(make)
    assert held == roles_of(site).basic
    found = [(each.status, each.detail) for each in checks.check_roles(site)]
    assert found == [
        ("ok", "Two-factor sign-in is needed by: COPY, MORE, READER, SUPER_ADMIN."),
        ("warning", "The role MOST allows most of what READER does, and needs no second factor."),
    ]


@pytest.mark.database("sqlite")
async def test_operators_are_told_what_cannot_be(enrolled, clock):
    async with enrolled() as (app, _, _, _, _):
        new = "another secret key of this site".ljust(48, ".")
        table = {"accounts": {"two_factor_roles": ["SUPER_ADMIN", "EMPEROR"]}}

        def findings(check, **changes):
            site = Site(msgspec.structs.replace(app.site.config, **changes), [], clock=clock)
            try:
                return [(each.status, each.detail) for each in check(site)]
            finally:
                site.close()

        def look():
            assert findings(checks.check_roles, plugin_tables=table) == [
                ("error", "There is no role EMPEROR: it needs no second factor.")
            ]
            assert findings(checks.check_secrets)[0][0] == "ok"
            alone = findings(checks.check_secrets, secret_key=new)
            assert alone == [("error", f"The codes of {EMAIL} cannot be checked.")]

        await asyncio.to_thread(look)


def test_codes_are_those_of_rfc_6238():
    """Appendix B, for SHA-1, with the last six of its eight digits."""
    for seconds, code in {
        59: "287082",
        1111111109: "081804",
        1111111111: "050471",
        1234567890: "005924",
        2000000000: "279037",
        20000000000: "353130",
    }.items():
        moment = datetime.fromtimestamp(seconds, UTC)
        assert codes.code_of(SECRET, codes.step_of(moment)) == code
        assert codes.matching_step(SECRET, code, moment) == codes.step_of(moment)


@given(st.text(max_size=50))
def test_no_text_breaks_the_check_of_a_code(typed):
    tidy = codes.tidy(typed)
    assert codes.tidy(tidy) == tidy
    assert codes.matching_step(SECRET, typed, datetime(2026, 5, 1, tzinfo=UTC)) is None
    codes.hash_recovery_code(tidy)
