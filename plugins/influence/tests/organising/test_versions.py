"""Two organisers change one campaign: the second is refused, and what the first saved stays."""

from __future__ import annotations

import asyncio


async def test_an_edit_of_an_older_version_is_refused(visit):
    async with visit() as v:
        campaign = await v.campaign()
        path = f"/api/campaigns/{campaign['id']}"
        first = await v.organise("PATCH", path, json={"version": 2, "title": "First"})
        assert (first.status_code, first.json()["version"]) == (200, 3)
        assert first.json()["updated_by"] is not None
        second = await v.organise("PATCH", path, json={"version": 2, "title": "Second"})
        assert (second.status_code, second.json()["code"]) == (409, "edit_conflict")
        assert (await v.organise("GET", path)).json() == first.json()
        # A program that does not say which version it has edited decides for itself.
        assert (await v.organise("PATCH", path, json={"title": "Third"})).json()["version"] == 4


async def test_of_edits_at_the_same_moment_one_succeeds(visit):
    async with visit() as v:
        campaign = await v.campaign("DRAFT")
        await v.sign_in()
        path = f"/api/campaigns/{campaign['id']}"
        edits = [{"version": 1, "title": f"Title {number}"} for number in range(6)]
        made = await asyncio.gather(*(v.organise("PATCH", path, json=each) for each in edits))
        assert sorted(each.status_code for each in made) == [200, *[409] * 5]
        assert (await v.organise("GET", path)).json()["version"] == 2
