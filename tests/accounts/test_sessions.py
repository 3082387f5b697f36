"""Sign-in, refresh with rotation, sign-out, and what an attacker would try."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import json
from datetime import timedelta

import httpx
import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from changemaker_core.app import create_app
from changemaker_core.db import SlidingWindow, utcnow
from changemaker_core.features.accounts import api
from changemaker_core.features.accounts.passwords import problem_with
from changemaker_core.features.accounts.signing_in import services
from changemaker_core.features.accounts.tokens.access_tokens import AccessTokens
from changemaker_core.features.accounts.tokens.models import RefreshToken
from changemaker_core.testing.fixtures.site import client_of

EMAIL, PASSWORD = "organiser@example.org", "wide river, slow boat"


class Clock:
    """A clock that a test moves."""

    def __init__(self):
        self.ahead = timedelta(0)
        self.stopped_at = None

    def __call__(self):
        return (self.stopped_at or utcnow()) + self.ahead


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def signed_up(open_app, clock):
    """An open app with one user, and a client."""

    @contextlib.asynccontextmanager
    async def open_(role="USER", **config):
        async with open_app(clock=clock, **config) as app:
            await asyncio.to_thread(
                lambda: api.create_user(
                    app.site, email=EMAIL, name="Organiser", role=role, password=PASSWORD
                )
            )
            async with client_of(app) as client:
                yield app, client

    return open_


async def login(client, email=EMAIL, password=PASSWORD):
    return await client.post("/api/auth/login", json={"email": email, "password": password})


async def me(client, token):
    return await client.get("/api/auth/me", headers={"Authorization": f"Bearer {token}"})


async def refresh(client, token):
    return await client.post("/api/auth/refresh", json={"refresh_token": token})


async def test_sign_in_gives_tokens_that_say_who_asks(signed_up):
    async with signed_up() as (_, client):
        answer = await login(client)
        session = answer.json()
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert session["token_type"] == "Bearer"
        assert session["expires_in"] == 900
        mine = await me(client, session["access_token"])
        assert mine.json() == session["user"]
        assert mine.json()["email"] == EMAIL
        assert "password_hash" not in answer.text


async def test_the_address_is_known_in_any_case(signed_up):
    async with signed_up() as (_, client):
        assert (await login(client, email="Organiser@EXAMPLE.org")).status_code == 200


@pytest.mark.parametrize(
    ("email", "password"), [(EMAIL, "not the password"), ("nobody@example.org", PASSWORD)]
)
async def test_wrong_password_and_unknown_address_get_one_answer(signed_up, email, password):
    async with signed_up() as (_, client):
        answer = await login(client, email, password)
        problem = answer.json()
        assert answer.status_code == 401
        assert problem["code"] == "unauthorized"
        assert problem["detail"] == "The email address or password is wrong."


async def test_a_suspended_user_is_out_at_once(signed_up):
    from changemaker_core.features.accounts.users.models import User

    async with signed_up() as (app, client):
        session = (await login(client)).json()
        assert (await me(client, session["access_token"])).status_code == 200
        await app.site.db.write(lambda tx: User.update(status="SUSPENDED").execute())
        assert (await me(client, session["access_token"])).status_code == 401
        assert (await refresh(client, session["refresh_token"])).status_code == 401
        assert (await login(client)).status_code == 401


async def test_a_refresh_token_has_one_successor_for_a_minute_and_then_ends_its_session(
    signed_up, clock
):
    clock.stopped_at = utcnow()
    async with signed_up() as (app, client):
        first = (await login(client)).json()["refresh_token"]
        other_device = (await login(client)).json()
        second = (await refresh(client, first)).json()["refresh_token"]
        assert second != first
        third = (await refresh(client, second)).json()["refresh_token"]
        clock.ahead = timedelta(seconds=59)
        for sent, successor in ((first, second), (second, third), (first, second)):
            repeated = await refresh(client, sent)
            assert repeated.json()["refresh_token"] == successor
            assert (await me(client, repeated.json()["access_token"])).status_code == 200
        stored = await app.site.db.read(lambda: list(RefreshToken.select().dicts()))
        assert len(stored) == 4
        assert not {first, second, third} & set(str(stored).split("'"))
        clock.ahead = timedelta(seconds=60)
        assert (await refresh(client, first)).status_code == 401
        for sent in (second, third):
            assert (await refresh(client, sent)).status_code == 401
        assert (await me(client, repeated.json()["access_token"])).status_code == 401
        assert (await refresh(client, other_device["refresh_token"])).status_code == 200


async def test_processes_that_refresh_at_once_agree(signed_up):
    """Another app over the same database stands for another process."""
    async with signed_up() as (app, client):
        other_app = create_app(app.site.config, [])
        async with other_app.lifespan(), client_of(other_app) as other:
            token = (await login(client)).json()["refresh_token"]
            sent = [refresh(each, token) for each in (client, other) * 4]
            responses = await asyncio.gather(*sent)
            assert {each.status_code for each in responses} == {200}
            successors = {each.json()["refresh_token"] for each in responses}
            assert len(successors) == 1
            assert await app.site.db.read(lambda: RefreshToken.select().count()) == 2
            last = (await refresh(other, successors.pop())).json()
            assert (await me(other, last["access_token"])).status_code == 200
            await client.post("/api/auth/logout", json={"refresh_token": last["refresh_token"]})
            await asyncio.sleep(0.2)  # until PostgreSQL has notified the other process
            assert (await me(other, last["access_token"])).status_code == 401


async def test_another_secret_key_ends_the_tokens_of_the_one_before(signed_up):
    async with signed_up() as (app, client):
        session = (await login(client)).json()
        former = app.site.config.secret_key
        replaced = {"secret_key": "another secret key of this site".ljust(48, ".")}
        replaced["previous_secret_keys"] = (former,)
        config = msgspec.structs.replace(app.site.config, **replaced)
        other_app = create_app(config, [])
        async with other_app.lifespan(), client_of(other_app) as other:
            assert (await refresh(other, session["refresh_token"])).status_code == 401
            assert (await me(other, session["access_token"])).status_code == 401
            assert (await login(other)).status_code == 200


async def test_sign_out_ends_the_session_and_is_silent_about_strangers(signed_up):
    async with signed_up() as (_, client):
        token = (await login(client)).json()["refresh_token"]
        for presented in (token, token, "x" * 40):
            answer = await client.post("/api/auth/logout", json={"refresh_token": presented})
            assert answer.status_code == 204
        assert (await refresh(client, token)).status_code == 401


@pytest.mark.parametrize("how", ["sign-out", "new password", "reused refresh token"])
async def test_access_tokens_end_with_their_session(signed_up, clock, how):
    async with signed_up() as (app, client):
        session, other = (await login(client)).json(), (await login(client)).json()
        first = session["refresh_token"]
        if how == "sign-out":
            await client.post("/api/auth/logout", json={"refresh_token": first})
        elif how == "new password":
            await asyncio.to_thread(
                lambda: api.set_password(app.site, email=EMAIL, password="slow boat, wide river")
            )
        else:
            session = (await refresh(client, first)).json()
            assert (await me(client, session["access_token"])).status_code == 200
            clock.ahead = timedelta(seconds=61)
            await refresh(client, first)
        ended = await me(client, session["access_token"])
        assert (ended.status_code, ended.json()["detail"]) == (
            401,
            "This session has ended. Sign in again.",
        )
        remains = 401 if how == "new password" else 200
        assert (await me(client, other["access_token"])).status_code == remains


async def test_tokens_expire(signed_up, clock):
    async with signed_up() as (_, client):
        session = (await login(client)).json()
        clock.ahead = timedelta(minutes=16)
        assert (await me(client, session["access_token"])).status_code == 401
        clock.ahead = timedelta(days=8)
        assert (await refresh(client, session["refresh_token"])).status_code == 401


async def test_a_program_signs_in_again_however_often_it_refreshes(signed_up, clock):
    async with signed_up(plugin_tables={"accounts": {"api_session_days": 10}}) as (_, client):
        session = (await login(client)).json()
        for days, status in ((6, 200), (9.995, 200), (10, 401)):
            clock.ahead = timedelta(days=days)
            refreshed = await refresh(client, session["refresh_token"])
            assert refreshed.status_code == status
            session = refreshed.json() if status == 200 else session
        assert (await me(client, session["access_token"])).status_code == 401


def forgeries(token, secret_key):
    """Tokens that must not be believed; of the last ones even the signature is right."""
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))

    def encoded(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    def by_hand(key, name, digest):
        signed = f"{encoded({'alg': name, 'typ': 'JWT'})}.{payload}"
        mac = hmac.digest(key, signed.encode(), digest)
        return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    yield f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{payload}."
    yield f"{encoded({'alg': 'HS512', 'typ': 'JWT'})}.{payload}.{signature}"
    yield f"{header}.{encoded({**claims, 'sub': 'somebody-else'})}.{signature}"
    yield f"{header}.{encoded({**claims, 'sid': 'another-session'})}.{signature}"
    yield jwt.encode(claims, "another key that is thirty-two bytes", algorithm="HS256")
    yield jwt.encode({**claims, "aud": "elsewhere"}, "x" * 32, algorithm="HS256")
    yield f"{header}.{payload}"
    yield ""
    key = AccessTokens.of(secret_key).key
    for name in ("iss", "aud", "sub", "sid", "exp"):
        yield jwt.encode({**claims, name: "elsewhere"}, key, algorithm="HS256")
        yield jwt.encode({each: claims[each] for each in claims if each != name}, key, "HS256")
    yield by_hand(key, "HS384", "sha384")
    # Who takes the key for a public one, or where to find it from the token, is fooled by these.
    for extra in (
        {"kid": "/dev/null"},
        {"kid": "' UNION SELECT 'x"},
        {"jku": "https://evil.example"},
    ):
        yield jwt.encode(claims, "x" * 32, algorithm="HS256", headers=extra)
    rsa = generate_private_key(public_exponent=65537, key_size=2048)
    public = rsa.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    yield jwt.encode(claims, rsa, algorithm="RS256", headers={"jwk": {"k": "x"}})
    yield by_hand(public, "HS256", "sha256")


async def test_forged_tokens_are_refused(signed_up):
    async with signed_up() as (app, client):
        token = (await login(client)).json()["access_token"]
        for forged in forgeries(token, app.site.config.secret_key):
            assert (await me(client, forged)).status_code == 401, forged
        assert (await me(client, token)).status_code == 200
        headers = {"Authorization": f"bearer {token}"}  # a scheme's case does not matter
        assert (await client.get("/api/auth/me", headers=headers)).status_code == 200


async def test_sign_in_is_limited_for_each_client(signed_up):
    async with signed_up() as (_, client):
        answers = [await login(client, f"u{n}@example.org", "wrong wrong wrong") for n in range(11)]
        assert [answer.status_code for answer in answers[:10]] == [401] * 10
        assert answers[10].status_code == 429
        assert 0 < int(answers[10].headers["retry-after"]) <= 60


async def test_sign_in_is_limited_for_a_whole_ipv6_network(open_app):
    async with open_app() as app:
        codes = []
        for n in range(1, 12):
            transport = httpx.ASGITransport(app=app, client=(f"2001:db8:1:2::{n:x}", 123))
            async with httpx.AsyncClient(transport=transport, base_url="http://h.org") as client:
                codes.append((await login(client, f"u{n}@example.org")).status_code)
    assert codes == [401] * 10 + [429]


async def test_guesses_at_one_moment_are_counted_one_by_one(signed_up, clock, monkeypatch):
    """Each is counted before its password is looked at: together they gain nothing."""
    generous = SlidingWindow("generous", 1000, timedelta(minutes=1))
    monkeypatch.setattr(services, "LOGINS_PER_VISITOR", generous)
    clock.stopped_at = utcnow()
    async with signed_up() as (_, client):
        guesses = [login(client, password="wrong wrong wrong") for _ in range(20)]
        codes = [answer.status_code for answer in await asyncio.gather(*guesses)]
    assert set(codes) == {401, 429}
    assert codes.count(401) <= services.FREE_FAILURES


async def test_wrong_passwords_make_the_account_wait_longer(signed_up, clock):
    async with signed_up() as (_, client):
        waits = []
        for failure in range(1, 8):
            assert (await login(client, password="wrong wrong wrong")).status_code == 401
            if failure >= services.FREE_FAILURES:
                refused = await login(client)
                assert refused.status_code == 429
                waits.append(int(refused.headers["retry-after"]))
                clock.ahead += timedelta(seconds=waits[-1])
            clock.ahead += timedelta(seconds=61)  # past the limit of the client's address
        assert waits == [1, 2, 4, 8, 16]
        assert (await login(client)).status_code == 200
        assert (await login(client, password="wrong wrong wrong")).status_code == 401
        assert (await login(client)).status_code == 200  # the count began anew


@pytest.mark.parametrize(
    "password",
    [
        *("short", "password1234", "aaaaaaaaaaaaaaaa", EMAIL, "Changemaker2026!"),
        *("organiser.127.0.0.1", "Password2026!", "qwerty-azerty-1", "Winter!Canada!26"),
        "Lovelace1815!",
    ],
)
def test_weak_passwords_are_refused(make_site, password):
    site = make_site()
    with pytest.raises(api.PasswordRefused):
        api.create_user(site, email=EMAIL, name="Ada Lovelace", role="USER", password=password)


def test_a_common_word_in_a_long_password_does_no_harm():
    known = ["Changemaker", "act.example.org"]
    assert problem_with("my football team wins", known=known) is None
    assert problem_with("changemaker of the red river", known=known) is None


def test_an_address_has_one_account_in_any_case(make_site):
    site = make_site()
    api.create_user(site, email=EMAIL, name="O", role="USER")
    with pytest.raises(api.EmailTaken):
        api.create_user(site, email=EMAIL.upper(), name="O", role="USER")


def test_an_unknown_role_names_those_that_exist(make_site):
    with pytest.raises(api.UnknownRole, match="SUPER_ADMIN, TEMP, USER"):
        api.create_user(make_site(), email=EMAIL, name="O", role="EMPEROR")


async def test_the_sessions_of_both_kinds_are_in_one_list(signed_up):
    async with signed_up() as (app, client), client_of(app) as browser, client_of(app) as other:
        login_body = {"email": EMAIL, "password": PASSWORD}
        agent = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko Firefox/140.0"}
        own = {"Sec-Fetch-Site": "same-origin"}
        await browser.post("/sign-in", data=login_body, headers=agent | own)
        token = (await login(client)).json()["access_token"]
        other_token = (await login(other)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        listed = (await client.get("/api/auth/sessions?limit=2")).json()
        assert listed["pagination"]["total"] == 3
        assert listed["pagination"]["has_more"]
        rows = (await client.get("/api/auth/sessions")).json()["data"]
        assert sorted((each["kind"], each["current"]) for each in rows) == [
            ("api", False),
            ("api", True),
            ("browser", False),
        ]
        of_browser = next(each for each in rows if each["kind"] == "browser")
        assert (of_browser["device"], of_browser["address"]) == ("Firefox on Linux", "127.0.0.1")
        assert "last_used_at" in of_browser
        page = await browser.get("/account/sessions", headers=agent)
        assert (page.text.count("Signed in on "), page.text.count("This device")) == (3, 1)

        # One by one, of another kind; then all others; then every one.
        ended = await client.delete(f"/api/auth/sessions/{of_browser['id']}")
        assert ended.status_code == 204
        assert (await browser.get("/api/auth/me")).status_code == 401
        for gone in (of_browser["id"], "nonsense"):
            assert (await client.delete(f"/api/auth/sessions/{gone}")).status_code == 404
        assert (await client.delete("/api/auth/sessions?others=true")).status_code == 204
        assert (await me(client, other_token)).status_code == 401
        assert (await me(client, token)).status_code == 200
        assert (await client.delete("/api/auth/sessions")).status_code == 204
        assert (await me(client, token)).status_code == 401


async def test_nobody_ends_a_session_of_another(signed_up):
    async with signed_up() as (app, client):
        await asyncio.to_thread(
            lambda: api.create_user(
                app.site, email="b@example.org", name="B", role="SUPER_ADMIN", password=PASSWORD
            )
        )
        mine = (await login(client)).json()["access_token"]
        theirs = (await login(client, "b@example.org")).json()["access_token"]
        bearer = {"Authorization": f"Bearer {mine}"}
        id = (await client.get("/api/auth/sessions", headers=bearer)).json()["data"][0]["id"]
        bearer = {"Authorization": f"Bearer {theirs}"}
        assert (await client.delete(f"/api/auth/sessions/{id}", headers=bearer)).status_code == 404
        assert (await me(client, mine)).status_code == 200
