"""The pages about webhooks."""

from __future__ import annotations

import pytest

from changemaker_admin.plugin import AdminPlugin
from changemaker_core.features.accounts.users.webhooks import UserCreated
from changemaker_core.features.audit.api import entries
from changemaker_core.features.webhooks import api as webhooks
from changemaker_core.features.webhooks.deliveries.recording import record
from changemaker_core.features.webhooks.models import Delivery, Endpoint
from changemaker_core.features.webhooks.queries import next_waiting
from changemaker_core.testing import as_role

EVENT = "accounts.user.created"
LOCAL = {"plugin_tables": {"webhooks": {"allow": ["127.0.0.1"]}}}
RECEIVER = "http://127.0.0.1:9/hooks"


async def all_of(site):
    return await site.db.all(webhooks.endpoints())


async def add(client, **fields):
    typed = {"url": RECEIVER, "events": [EVENT], "description": "Our CRM <b>", **fields}
    return await client.submit("/admin/webhooks/new", typed)


async def test_a_webhook_is_added_tested_rotated_and_deleted(open_app):
    async with open_app(AdminPlugin, **LOCAL) as app, as_role(app, "SUPER_ADMIN") as client:
        added = await add(client)
        assert added.status_code == 200, added.text
        stored = (await all_of(app.site))[0]
        path = f"/admin/webhooks/{stored.id}"
        sent = await client.submit(f"{path}/test", page=path)
        delivery = await client.get(sent.headers["location"])
        page = await client.get(path)
        lists = [await client.get(each) for each in ("/admin/webhooks", f"{path}/deliveries")]
        rotated = await client.submit(f"{path}/rotate-secret", {"overlap": "24"})
        state = await client.submit(f"{path}/state", page=path)
        off = (await all_of(app.site))[0]
        deleted = await client.submit(f"{path}/delete")
        left = await all_of(app.site)
    secrets = {response.text.split('value="whsec_')[1][:20] for response in (added, rotated)}
    assert len(secrets) == 2
    assert "whsec_" not in page.text
    assert [listed.status_code for listed in lists] == [200, 200]
    assert "Our CRM &lt;b&gt;" in lists[0].text
    assert sent.headers["location"].rpartition("/")[2] in lists[1].text
    assert "Our CRM &lt;b&gt;" in page.text
    assert "It is about to be sent" in delivery.text
    assert "&#34;webhooks.test&#34;" in delivery.text
    assert (state.status_code, off.status) == (303, "off")
    assert (deleted.headers["location"], left) == ("/admin/webhooks", [])


@pytest.mark.database("sqlite")
@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ({"url": "http://example.org/hooks"}, "must begin with https://"),
        ({"url": "https://10.0.0.1/hooks"}, "10.0.0.1"),
        ({"url": "https://name:word@example.org/"}, "Leave out the user name"),
        ({"events": []}, "Choose at least one event"),
        ({"events": ["parks.park.closed"]}, "There are no such events"),
    ],
)
async def test_a_webhook_that_cannot_be_is_refused_at_its_field(open_app, typed, problem):
    async with open_app(AdminPlugin) as app, as_role(app, "SUPER_ADMIN") as client:
        refused = await add(client, **typed)
        stored = await all_of(app.site)
    assert refused.status_code == 422
    assert problem in refused.text
    assert "Our CRM &lt;b&gt;" in refused.text
    assert stored == []


@pytest.mark.database("sqlite")
async def test_a_suspended_webhook_says_why_and_goes_on_in_order(open_app):
    async with open_app(AdminPlugin, **LOCAL) as app, as_role(app, "SUPER_ADMIN") as client:
        await add(client)
        stored = (await all_of(app.site))[0]
        path = f"/admin/webhooks/{stored.id}"

        def suspend(tx):
            reason = "the receiver responded with 500"
            Endpoint.update(status="suspended", status_reason=reason).execute()

        await app.site.db.write(suspend)
        page = await client.get(path)
        activated = await client.submit(f"{path}/state", page=path)
        now = (await all_of(app.site))[0]
    assert "the receiver responded with 500" in page.text
    assert activated.status_code == 303
    assert (now.status, now.status_reason) == ("active", "")


@pytest.mark.database("sqlite")
async def test_the_second_of_two_who_edit_a_webhook_is_told(open_app):
    async with open_app(AdminPlugin, **LOCAL) as app, as_role(app, "SUPER_ADMIN") as client:
        await add(client)
        stored = (await all_of(app.site))[0]
        path = f"/admin/webhooks/{stored.id}/edit"
        page = await client.get(path)
        marks = {
            name: page.text.split(f'name="{name}" value="')[1].split('"')[0]
            for name in ("version", "seen")
        }
        first = await client.submit(path, {"description": "First"})
        second = await client.submit(path, {**marks, "description": "Second"})
        now = (await all_of(app.site))[0]
    assert first.status_code == 303
    assert second.status_code == 409
    assert 'value="Second"' in second.text
    assert now.description == "First"


async def test_all_that_failed_is_delivered_again_in_order(open_app):
    async with open_app(AdminPlugin, **LOCAL) as app, as_role(app, "SUPER_ADMIN") as client:
        site = app.site
        await add(client)
        stored = (await all_of(site))[0]
        path = f"/admin/webhooks/{stored.id}"
        for number in range(3):
            await site.db.write(record, EVENT, UserCreated(user_id=str(number)))
        await site.db.write(webhooks.send_test, stored.id)
        await site.db.write(lambda tx: Delivery.update(state="failed").execute())
        page = await client.get(path)
        again = await client.submit(f"{path}/redeliver-failed", page=path)
        waiting = [await site.db.one(next_waiting(endpoint_id=stored.id))]
        rows = await site.db.all(webhooks.deliveries(endpoint_id=stored.id))
        begun = await site.db.all(entries(action="webhooks.endpoint.redelivered"))
    assert "(3)" in page.text  # a test is of the moment that it was asked for
    assert again.status_code == 303
    assert '"user_id":"0"' in waiting[0].body
    assert sorted(row.state for row in rows) == ["failed", "waiting", "waiting", "waiting"]
    assert len(begun) == 1
