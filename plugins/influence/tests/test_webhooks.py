"""What other programs are notified of: campaigns and letters, and nobody's name or address."""

from __future__ import annotations

import asyncio

from changemaker_core.testing import WebhookInbox
from changemaker_influence.emails.services import mark_failed
from changemaker_influence.webhooks import EVENTS

DRAFT = {
    "title": "A draft",
    "description": "Ask for clean water.",
    "email_subject": "Clean water",
    "email_body": "Dear {recipient_name},\n\nplease act on clean water.\n\n{sender_name}",
    "target_government_levels": ["FEDERAL", "PROVINCIAL", "MUNICIPAL"],
}


async def test_campaigns_and_letters(visit):
    async with visit() as v:
        inbox = await asyncio.to_thread(WebhookInbox, v.site, *EVENTS)

        async def emitted():
            found = await asyncio.to_thread(inbox.take)
            return [(name.removeprefix("influence."), data) for name, data in found]

        created = (await v.organise("POST", "/api/campaigns", json=DRAFT)).json()
        path = f"/api/campaigns/{created['id']}"
        for change in ({"title": "Water"}, {"status": "ACTIVE"}, {"title": "Clean water"}):
            (await v.organise("PATCH", path, json=change)).raise_for_status()
        water = {"campaign_id": created["id"], "slug": "water", "status": "ACTIVE"}
        assert await emitted() == [
            ("campaign.published", {**water, "title": "Water"}),
            ("campaign.changed", {**water, "title": "Clean water"}),
        ]
        (sent,) = (await v.send(created)).json()["emails"]
        (failed,) = (await v.send(created, sender_email="b@example.org")).json()["emails"]
        error = "550 no such mailbox"
        await v.site.db.write(mark_failed, failed["id"], error)
        await v.run_jobs()
        assert await emitted() == [
            ("email.failed", {"email_id": failed["id"], "campaign_id": created["id"]}),
            ("email.sent", {"email_id": sent["id"], "campaign_id": created["id"]}),
        ]
        (waits,) = (await v.send(created, sender_email="c@example.org")).json()["emails"]
        for _ in range(2):
            await v.organise("POST", f"/api/campaign-emails/{waits['id']}/cancel")
        cancelled = {"email_id": waits["id"], "campaign_id": created["id"]}
        assert await emitted() == [("email.cancelled", cancelled)]
        for status in ("PAUSED", "ARCHIVED", "PAUSED", "ACTIVE"):
            (await v.organise("PATCH", path, json={"status": status})).raise_for_status()
        names = [name for name, _ in await emitted()]
        assert names == ["campaign.closed", *["campaign.changed"] * 2, "campaign.published"]
        other = (await v.organise("POST", "/api/campaigns", json=DRAFT)).json()
        path = f"/api/campaigns/{other['id']}"
        (await v.organise("PATCH", path, json={"status": "ACTIVE"})).raise_for_status()
        (await v.organise("DELETE", path)).raise_for_status()
        names = [(name, data["status"]) for name, data in await emitted()]
        assert names == [("campaign.published", "ACTIVE"), ("campaign.closed", "ARCHIVED")]
