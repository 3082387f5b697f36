"""Webhooks over HTTP and in ``changemaker webhooks``."""

from __future__ import annotations

import json

import pytest

from changemaker_core.outgoing import addresses
from changemaker_core.testing import client_of, run_jobs, signed_in
from tests.webhooks.conftest import OPENED, Opened, ParksPlugin, status

EVENTS = ["parks.park.opened", "parks.park.closed"]


@pytest.fixture
async def app(open_app):
    async with open_app(
        ParksPlugin, plugin_tables={"webhooks": {"allow": ["127.0.0.1"]}}
    ) as opened:
        yield opened


@pytest.fixture
async def organiser(app):
    async with signed_in(app, "PARKS_WEBHOOKS") as client:
        yield client


def open_a_park(tx):
    OPENED.emit(tx, Opened(park_id="a"))


async def test_the_life_of_a_webhook(app, organiser, receiver):
    site = app.site
    body = {"url": receiver.url, "events": EVENTS, "description": "Our CRM"}
    created = (await organiser.post("/api/webhooks", json=body)).raise_for_status()
    webhook = created.json()
    assert created.status_code == 201 and webhook["secret"].startswith("whsec_")
    path = f"/api/webhooks/{webhook['id']}"
    assert webhook["events"] == sorted(EVENTS) and webhook["status"] == "active"

    sent = (await organiser.post(f"{path}/test")).raise_for_status()
    await site.db.write(open_a_park)
    receiver.behave = status(200, body=b"thanks")
    await run_jobs(site)
    log = (await organiser.get(f"{path}/deliveries")).json()["data"]
    assert {each["event"] for each in log} == {"webhooks.test", "parks.park.opened"}
    test = next(each for each in log if each["id"] == sent.json()["delivery_id"])
    assert (test["state"], test["status_code"], test["response"]) == ("delivered", 200, "thanks")
    assert receiver.received[0].verify(webhook["secret"])
    assert test["request_id"] == sent.headers["x-request-id"]
    assert not any("x-request-id" in message.headers for message in receiver.received)

    again = await organiser.post(f"{path}/deliveries/{log[0]['id']}/redeliver")
    assert again.status_code == 202 and again.json()["state"] == "waiting"
    twice = await organiser.post(f"{path}/deliveries/{log[0]['id']}/redeliver")
    assert (twice.status_code, twice.json()["code"]) == (409, "still_waiting")
    assert (await organiser.get(path)).json()["waiting"] == 1
    await run_jobs(site)
    waiting = await organiser.get(f"{path}/deliveries", params={"state": "waiting"})
    assert waiting.json()["pagination"]["total"] == 0

    rotated = (await organiser.post(f"{path}/rotate-secret", json={})).raise_for_status().json()
    assert rotated["secret"] != webhook["secret"] and rotated["previous_secret_until"]
    change = {"events": ["parks.park.closed"], "status": "off"}
    changed = (await organiser.patch(path, json=change)).raise_for_status().json()
    assert (changed["events"], changed["status"]) == (["parks.park.closed"], "off")
    inactive = await organiser.post(f"{path}/deliveries/{log[0]['id']}/redeliver")
    assert (inactive.status_code, inactive.json()["code"]) == (409, "not_active")
    listed = (await organiser.get("/api/webhooks")).json()
    assert [each["id"] for each in listed["data"]] == [webhook["id"]]
    assert (await organiser.delete(path)).status_code == 204
    audited = (await organiser.get("/api/audit-log", params={"object": webhook["id"]})).json()
    done = [each["action"].removeprefix("webhooks.endpoint.") for each in audited["data"]]
    expected = ["deleted", "changed", "secret_rotated", "redelivered", "tested", "created"]
    assert done == expected, done
    for response in (listed, changed, audited):
        assert "whsec_" not in json.dumps(response)
    assert "/hooks" not in json.dumps(audited)  # an address may have a secret in it
    nothing = "/api/webhooks/nothing"
    for gone in (
        *(organiser.get(each) for each in (path, nothing, f"{nothing}/deliveries")),
        *(organiser.delete(each) for each in (path, nothing)),
        *(organiser.post(f"{each}/test") for each in (path, nothing)),
    ):
        assert (await gone).status_code == 404


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"url": "http://example.org/"}, "url", "https://"),
        ({"url": "https://localhost.example/"}, "url", "127.0.0.2, which is not public"),
        ({"url": "https://[::ffff:169.254.169.254]/"}, "url", "not public"),
        ({"url": "https://missing.example/"}, "url", "cannot be used"),
        ({"events": ["parks.park.burnt"]}, "events", "parks.park.burnt"),
        ({"events": []}, "events", ""),
    ],
)
async def test_what_is_refused_says_why(organiser, monkeypatch, body, field, says):
    def look_up(host, port):
        if host == "localhost.example":
            return ["9.9.9.9", "127.0.0.2"]
        raise OSError("no such name")

    monkeypatch.setattr(addresses, "_addresses", look_up)
    body = {"url": "https://9.9.9.9/", "events": EVENTS, **body}
    response = await organiser.post("/api/webhooks", json=body)
    (error,) = response.json()["errors"]
    assert response.status_code == 422 and error["field"] == field and says in error["message"]


async def test_only_who_manages_webhooks_can(app):
    async with signed_in(app, "USER") as user, client_of(app) as anybody:
        for path in ("/api/webhooks", "/api/webhook-events"):
            assert (await user.get(path)).status_code == 403
            assert (await anybody.get(path)).status_code == 401


async def test_the_events_of_plugins_are_listed(organiser):
    response = await organiser.get("/api/webhook-events", headers={"Accept-Language": "fr"})
    found = {each["name"]: each for each in response.json()["data"]}
    opened = found["parks.park.opened"]
    assert (opened["plugin"], opened["label"], opened["personal"]) == ("parks", "A park opens", "")
    assert "park_id" in json.dumps(opened["payload"])
    assert found["webhooks.test"]["label"] != "A person tests this webhook"


async def test_a_site_has_a_bounded_number(organiser, receiver, monkeypatch):
    from changemaker_core.features.webhooks import services

    monkeypatch.setattr(services, "MOST_ENDPOINTS", 1)
    body = {"url": receiver.url, "events": EVENTS}
    assert (await organiser.post("/api/webhooks", json=body)).status_code == 201
    response = await organiser.post("/api/webhooks", json=body)
    assert (response.status_code, response.json()["code"]) == (409, "too_many_webhooks")
