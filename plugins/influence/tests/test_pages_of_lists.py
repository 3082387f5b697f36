"""Lists without end: every row once, however they grow meanwhile."""

from __future__ import annotations

import pytest

from changemaker_influence.campaigns.models import Campaign

COUNT = 7


async def published(visit, count):
    return [(await visit.campaign(title=f"Campaign {n}"))["id"] for n in range(count)]


async def walk(visit, path, headers=None, *, meanwhile=None):
    """Every id of a list, two at a time, by its cursors."""
    ids, cursor = [], None
    while True:
        params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await visit.client.get(path, params=params, headers=headers)).json()
        ids += [row["id"] for row in page["data"]]
        if meanwhile is not None:
            await meanwhile()
        cursor = page["pagination"]["next_cursor"]
        assert page["pagination"]["has_more"] == (cursor is not None)
        if cursor is None:
            return ids


@pytest.mark.parametrize("path", ["/api/campaigns", "/api/public/campaigns"])
async def test_a_cursor_leads_through_the_whole_list(visit, path):
    async with visit() as visiting:
        await visiting.sign_in()
        ids = await published(visiting, COUNT)

        async def another():
            await visiting.campaign(title="Another")

        assert await walk(visiting, path, visiting.headers, meanwhile=another) == ids[::-1]


async def test_campaigns_of_one_moment_are_all_there(visit):
    async with visit() as visiting:
        await visiting.sign_in()
        ids = await published(visiting, COUNT)
        moment = visiting.clock()
        await visiting.site.db.write(lambda tx: Campaign.update(published_at=moment).execute())
        assert await walk(visiting, "/api/public/campaigns") == ids[::-1]


async def test_a_cursor_of_another_list_is_refused(visit):
    async with visit() as visiting:
        await visiting.sign_in()
        await published(visiting, 2)
        response = await visiting.client.get("/api/public/campaigns", params={"limit": 1})
        cursor = response.json()["pagination"]["next_cursor"]
        for wrong in (cursor, "made-up"):
            refused = await visiting.client.get(
                "/api/campaigns", params={"cursor": wrong}, headers=visiting.headers
            )
            assert refused.status_code == 422
            assert refused.json()["errors"][0]["field"] == "cursor"
