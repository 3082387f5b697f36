"""Wrong passwords of others keep nobody out, and sign-ins by the hundred do not queue up."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from datetime import timedelta

import httpx
import pytest

from changemaker_core import LimitReached, Unavailable, new_id, utcnow
from changemaker_core.features.accounts import api, passwords
from changemaker_core.features.accounts.passwords import hashing
from changemaker_core.features.accounts.signing_in import services
from changemaker_core.features.accounts.signing_in.known_devices import Device
from changemaker_core.features.accounts.signing_in.models import LoginDelay

EMAIL, PASSWORD, WRONG = "organiser@example.org", "wide river, slow boat", "wrong wrong wrong"
OFFICE, HOME, STRANGER = "192.0.2.7", "192.0.2.80", "198.51.100.9"


class Clock:
    """A clock that a test moves."""

    ahead = timedelta(0)

    def __call__(self):
        return utcnow() + self.ahead


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def app(open_app, clock):
    async with open_app(clock=clock) as app:
        await asyncio.to_thread(create, app, EMAIL)
        yield app


def create(app, email):
    api.create_user(app.site, email=email, name="Sam", role="USER", password=PASSWORD)


def client_at(app, address, base_url="http://site.example", **options):
    """A client at an address of its own, which keeps cookies."""
    transport = httpx.ASGITransport(app=app, client=(address, 50_000))
    return httpx.AsyncClient(transport=transport, base_url=base_url, **options)


async def login(client, password=PASSWORD, email=EMAIL):
    response = await client.post("/api/auth/login", json={"email": email, "password": password})
    return response.status_code


async def sign_in(client, password=PASSWORD, email=EMAIL):
    response = await client.post(
        "/sign-in",
        data={"email": email, "password": password},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    return response.status_code


def device_cookie(client):
    """The header of a device that has signed in with ``client``."""
    return {"Cookie": f"cm_device={client.cookies.get('cm_device', path='/api/auth/login')}"}


async def keep_out(app, clock, address):
    """Try wrong passwords until an address must wait for minutes."""
    async with client_at(app, address) as client:
        for _ in range(12):
            assert await login(client, WRONG) == 401
            clock.ahead += timedelta(minutes=1) + services.LONGEST_DELAY
        assert await login(client, WRONG) == 401
        assert await login(client, WRONG) == 429


@pytest.mark.parametrize("way", [login, sign_in])
async def test_a_stranger_makes_nobody_else_wait(app, clock, way):
    async with client_at(app, OFFICE) as owner, client_at(app, HOME) as new_device:
        assert await way(owner) in (200, 303)
        await keep_out(app, clock, STRANGER)
        await keep_out(app, clock, OFFICE)
        # From another network, and from a device that has signed in, though its network must wait.
        assert await way(new_device) in (200, 303)
        assert await way(owner) in (200, 303)
        async with client_at(app, OFFICE) as unknown:
            assert await way(unknown) == 429
        await asyncio.to_thread(lambda: api.unlock(app.site, email=EMAIL.upper()))
        async with client_at(app, OFFICE) as unknown:
            assert await way(unknown) in (200, 303)


async def test_ten_minutes_of_guesses_from_changing_addresses_keep_the_owner_out_of_nothing(
    app, clock
):
    """At a known device they are let in at once, and at a new one within a minute."""
    async with client_at(app, OFFICE) as owner:
        assert await login(owner) == 200
        for n in range(40):
            async with client_at(app, f"203.0.113.{n}") as guesser:
                assert await login(guesser, WRONG) == 401
            clock.ahead += timedelta(seconds=15)
        assert await login(owner) == 200
        clock.ahead += timedelta(seconds=59)
        async with client_at(app, HOME) as new_device:
            assert await login(new_device) == 200


async def test_a_known_device_has_a_wait_of_its_own(app, clock):
    """It is no way around the wait for whoever has stolen it."""
    async with client_at(app, OFFICE) as owner:
        await login(owner)
        codes = [await login(owner, WRONG) for _ in range(services.FREE_FAILURES + 1)]
        assert codes == [401] * services.FREE_FAILURES + [429]
        async with client_at(app, OFFICE) as unknown:
            assert await login(unknown) == 200


async def test_a_device_is_known_to_its_own_accounts_alone(app, clock):
    other = "volunteer@example.org"
    await asyncio.to_thread(create, app, other)
    await keep_out(app, clock, OFFICE)
    async with client_at(app, HOME) as shared:
        assert await login(shared, email=other) == 200
        cookie = device_cookie(shared)
    async with client_at(app, OFFICE, headers=cookie) as moved:
        assert await login(moved) == 429
    async with client_at(app, HOME, headers=cookie) as shared:
        assert await login(shared) == 200
        cookie = device_cookie(shared)
    async with client_at(app, OFFICE, headers=cookie) as moved:
        assert await login(moved) == 200
        assert await login(moved, email=other) == 200


@pytest.mark.parametrize("forged", ["", "x", "eyJh", "A" * 9_000, "é"])
async def test_a_forged_cookie_is_no_device(app, clock, forged):
    await keep_out(app, clock, OFFICE)
    headers = {"Cookie": f"cm_device={forged}".encode()}
    async with client_at(app, OFFICE, headers=headers) as client:
        assert await login(client) == 429


async def test_the_cookie_names_nobody_and_goes_nowhere_else(app):
    async with client_at(app, OFFICE) as browser:
        response = await browser.post("/sign-in", data={"email": EMAIL, "password": PASSWORD})
        session, device = response.headers.get_list("set-cookie")
        assert session.startswith("cm_session=")
        assert device.startswith("cm_device=")
        for attribute in ("Path=/sign-in", "HttpOnly", "SameSite=Strict", "Max-Age=31536000"):
            assert attribute in device
        assert "Secure" not in device
        value = device.partition(";")[0].removeprefix("cm_device=")
        held = app.site.signer("accounts.device").read(value, Device)
        user_id = (await browser.get("/api/auth/me")).json()["id"]
        assert user_id not in str(held)
        assert held.knows(user_id)
        assert not held.knows(new_id())
    async with client_at(app, OFFICE, "https://site.example") as browser:
        response = await browser.post("/sign-in", data={"email": EMAIL, "password": PASSWORD})
        device = response.headers.get_list("set-cookie")[1]
        assert device.startswith("__Secure-cm_device=")
        assert device.endswith("; Secure")
        assert (await browser.get("/sign-in")).status_code == 303


def test_a_device_remembers_the_last_accounts():
    users = [new_id() for _ in range(7)]
    device = Device("device")
    for user in (*users, users[3]):
        device = device.with_user(user)
    assert [device.knows(user) for user in users] == [False] * 2 + [True] * 5
    assert len(device.tags) == 5


async def test_whatever_is_wrong_the_same_is_done(app, monkeypatch):
    """What takes time is done as often, so that the time reveals nothing."""
    done: list[str] = []

    def noting(module, name):
        original = getattr(module, name)

        def noted(*args):
            done.append(name)
            return original(*args)

        monkeypatch.setattr(module, name, noted)

    for module, name in [
        (services, "count_attempt"),
        (services, "start_wait"),
        (passwords, "matches"),
    ]:
        noting(module, name)
    suspended = "gone@example.org"
    await asyncio.to_thread(create, app, suspended)
    await asyncio.to_thread(lambda: api.suspend(app.site, email=suspended))
    seen = []
    for email, password in [(EMAIL, WRONG), ("nobody@example.org", WRONG), (suspended, PASSWORD)]:
        async with client_at(app, HOME) as client:
            body = {"email": email, "password": password}
            response = await client.post("/api/auth/login", json=body)
        problem = response.json()
        del problem["request_id"]
        seen.append((response.status_code, problem, list(done)))
        done.clear()
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][2].count("matches") == 1


@pytest.fixture
def slow_hashes(monkeypatch):
    """Hashing goes on once the event is set; the places are those of no other test."""
    go_on, matches = threading.Event(), passwords.matches

    def slow(*args):
        assert go_on.wait(30)
        return matches(*args)

    monkeypatch.setattr(passwords, "matches", slow)
    monkeypatch.setattr(hashing, "queue", hashing.Queue())
    yield go_on
    go_on.set()


async def taken(count):
    """Wait until so many places are taken."""
    async with asyncio.timeout(60):
        while hashing.queue._taken.total() != count:
            await asyncio.sleep(0.01)


async def test_one_network_cannot_fill_the_queue_nor_all_networks_keep_out_a_known_device(
    app, slow_hashes
):
    slow_hashes.set()
    async with contextlib.AsyncExitStack() as stack:

        async def client(address):
            return await stack.enter_async_context(client_at(app, address))

        owner, flood = await client(OFFICE), await client(STRANGER)
        assert await login(owner) == 200
        slow_hashes.clear()
        tries = [login(flood, WRONG, f"u{n}@example.org") for n in range(10)]
        flooding = [asyncio.create_task(each) for each in tries]
        waiting = set(flooding)
        while len(waiting) > hashing.SHARE:
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        refused = [each.result() for each in flooding if each not in waiting]
        assert refused == [429] * (10 - hashing.SHARE)

        places = hashing.PLACES - hashing.KEPT - hashing.SHARE
        others = [await client(f"203.0.113.{n}") for n in range(places)]
        waiting |= {asyncio.create_task(login(each, WRONG)) for each in others}
        await taken(hashing.SHARE + places)
        late = await client(HOME)
        body = {"email": EMAIL, "password": PASSWORD}
        response = await late.post("/api/auth/login", json=body)
        assert (response.status_code, response.headers["retry-after"]) == (503, "2")
        page = await late.post("/sign-in", data=body)
        assert (page.status_code, page.headers["retry-after"]) == (503, "2")
        assert "Too many people are signing in" in page.text
        known = asyncio.create_task(login(owner))
        await taken(hashing.SHARE + places + 1)
        slow_hashes.set()
        codes = Counter(await asyncio.gather(*waiting, known))
        assert codes == {401: hashing.SHARE + places, 200: 1}
        assert await login(late) == 200


def test_places_are_given_back_whatever_happens():
    queue = hashing.Queue()
    with contextlib.ExitStack() as held:
        for n in range(hashing.PLACES - hashing.KEPT):
            held.enter_context(queue.place(f"network {n // hashing.SHARE}", is_known=False))
        with pytest.raises(Unavailable), queue.place("another", is_known=False):
            raise AssertionError("a place that was not to be had")
        with pytest.raises(LimitReached), queue.place("network 0", is_known=True):
            raise AssertionError("more than its share")
        with queue.place("device", is_known=True):
            pass
    with pytest.raises(ZeroDivisionError), queue.place("network 0", is_known=False):
        _ = 1 / 0
    assert not queue._taken


async def test_a_process_of_the_version_before_records_delays_until_the_reload(app):
    insert = (
        "INSERT INTO accounts_login_delay (key, failures, not_before) VALUES ('a', 1, '2026-11-29')"
    )
    await app.site.db.write(lambda tx: tx.database.execute_sql(insert))
    found = await app.site.db.read(lambda: LoginDelay.get(LoginDelay.key == "a"))
    assert (found.account, found.failures) == ("", 1)
