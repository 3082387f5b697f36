"""What organisers set: narrower limits, and a text above the list of campaigns."""

from __future__ import annotations

import asyncio

import pytest

from changemaker_core.features.settings.api import change_settings

pytestmark = pytest.mark.database("sqlite")
LETTERS = ("avery.tremblay@parl.example.ca", "jordan.okafor@ola.example.ca")


@pytest.mark.parametrize(("limit", "statuses"), [(1, [202, 429]), (500, [202, 202, 429])])
async def test_organisers_narrow_a_limit_and_never_widen_it(visit, limit, statuses):
    async with visit(send_limit_per_hour=2) as v:
        campaign = await v.campaign()
        change = {"send_limit_per_hour": limit}
        await asyncio.to_thread(change_settings, v.site, "influence", change)
        sent = [
            (await v.send(campaign, recipient_emails=[LETTERS[number % 2]])).status_code
            for number in range(len(statuses))
        ]
        assert sent == statuses


async def test_the_list_of_campaigns_begins_with_the_organisation_s_text(visit):
    async with visit() as v:

        async def page(language):
            return (await v.client.get("/campaigns", headers={"Accept-Language": language})).text

        assert "No account needed." in await page("en")
        texts = {"en": "Clean <water>\n\nfor all", "fr": "De l’eau propre"}
        await asyncio.to_thread(change_settings, v.site, "influence", {"introduction": texts})
        english = await page("en")
        assert '<p class="lead">Clean &lt;water&gt;</p>' in english
        assert "No account needed." not in english.partition("<body")[2]
        assert "De l’eau propre" in await page("fr")
