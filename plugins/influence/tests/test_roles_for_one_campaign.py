"""An organiser of one campaign sees it, its messages and recipients, and nothing of another's."""

from __future__ import annotations

import asyncio

from changemaker_core import new_id
from changemaker_core.features.accounts import api as accounts
from changemaker_core.testing import signed_in
from changemaker_influence.campaigns.permissions import SCOPE

PASSWORD = "wide river, slow boat"
#: A body with which the request would succeed, if it were allowed.
BODIES = {
    ("PATCH", "/api/campaigns/{id}"): {"title": "Taken over"},
    ("POST", "/api/campaigns/{id}/duplicate"): {"title": "Mine"},
    ("POST", "/api/campaigns/{id}/recipients"): {"name": "R", "email": "r@example.org"},
    ("POST", "/api/campaign-emails/{id}/settle"): {"outcome": "sent"},
}


async def helper(v, campaign):
    """Headers of a new user who may run this campaign alone."""
    email = f"{new_id()}@example.org"
    id, _ = await asyncio.to_thread(
        lambda: accounts.create_user(
            v.site, email=email, name="Helper", role="USER", password=PASSWORD
        )
    )
    grant = {"role": "INFLUENCE_ADMIN", "scope": SCOPE, "object_id": campaign["id"]}
    await v.sign_in("SUPER_ADMIN")
    for unknown in ("nonsense", new_id()):
        body = {**grant, "object_id": unknown}
        refused = await v.organise("POST", f"/api/users/{id}/grants", json=body)
        assert refused.json()["errors"][0]["field"] == "object_id"
    made = await v.organise("POST", f"/api/users/{id}/grants", json=grant)
    assert made.status_code == 201, made.text
    assert made.json()["title"] == campaign["title"]
    login = {"email": email, "password": PASSWORD}
    session = (await v.client.post("/api/auth/login", json=login)).json()
    return {"Authorization": f"Bearer {session['access_token']}"}


async def test_ids_of_another_campaign_are_not_found_whatever_the_route(visit):
    async with visit() as v:
        own = await v.campaign(title="Own")
        draft = await v.campaign("DRAFT", title="Somebody's draft")
        other = await v.campaign(title="Somebody's")
        await v.send(other)
        headers = await helper(v, own)
        [email] = await v.emails(other)
        foreign = {
            "/api/campaigns/": [draft["id"], other["id"]],
            "/api/campaign-emails/": [email["id"]],
        }
        checked = 0
        for route in v.site.routes():
            if route.plugin != "influence" or route.permission is None or "{id}" not in route.path:
                continue
            ids = next(ids for start, ids in foreign.items() if route.path.startswith(start))
            for id in (*ids, new_id(), "nonsense"):
                response = await v.client.request(
                    route.method,
                    route.path.replace("{id}", id),
                    headers=headers,
                    json=BODIES.get((route.method, route.path)),
                )
                assert response.status_code == 404, (route.method, route.path)
                assert response.json()["code"] == "not_found"
                assert "Somebody" not in response.text
                checked += 1
        assert checked > 20
        after = (await v.organise("GET", f"/api/campaigns/{other['id']}")).json()
        assert after == other


async def test_what_belongs_to_their_campaign_is_theirs(visit):
    async with visit() as v:
        own, other = await v.campaign(title="Own"), await v.campaign(title="Other")
        await v.send(own)
        headers = await helper(v, own)

        async def request(method, path, **options):
            response = await v.client.request(method, path, headers=headers, **options)
            return response.status_code, response

        status, response = await request("GET", "/api/campaigns")
        assert [each["id"] for each in response.json()["data"]] == [own["id"]]
        assert response.json()["pagination"]["total"] == 1
        for query in ({"search": "other"}, {"status": "DRAFT"}):
            _, response = await request("GET", "/api/campaigns", params=query)
            assert response.json()["data"] == []
        path = f"/api/campaigns/{own['id']}"
        assert (await request("PATCH", path, json={"title": "Own, changed"}))[0] == 200
        status, response = await request("GET", f"{path}/emails")
        assert status == 200
        [email] = response.json()["data"]
        assert email["sender_email"] == "sacha@example.org"
        for file in ("emails.csv", "emails.xlsx"):
            assert (await request("GET", f"{path}/{file}"))[0] == 200
        assert (await request("POST", f"/api/campaign-emails/{email['id']}/retry"))[0] == 202
        recipient = {"name": "R", "email": "r@example.org"}
        assert (await request("POST", f"{path}/recipients", json=recipient))[0] == 201
        # To create one is a right for the whole site.
        new = {**{k: own[k] for k in ("title", "email_subject", "email_body")}}
        new["target_government_levels"] = ["FEDERAL"]
        assert (await request("POST", "/api/campaigns", json=new))[0] == 403
        copy = {"title": "Mine too"}
        assert (await request("POST", f"{path}/duplicate", json=copy))[0] == 403
        assert (await request("GET", f"/api/campaigns/{other['id']}"))[0] == 404


async def test_grants_end_with_the_campaign(visit):
    async with visit() as v:
        own = await v.campaign("DRAFT", title="Own")
        async with signed_in(v.app, "INFLUENCE_ADMIN", on=(SCOPE, own["id"])) as client:
            me = (await client.get("/api/auth/me")).json()
            assert me["objects"]["influence.campaign.write"] == [own["id"]]
            assert (await client.delete(f"/api/campaigns/{own['id']}")).status_code == 204
            assert (await client.get("/api/campaigns")).status_code == 403
