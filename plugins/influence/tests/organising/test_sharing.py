"""The link, the code and the words to share a campaign, and thanks to its supporters."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.database("sqlite")
SCRIPT = "<script>alert(1)</script>"


async def test_a_published_campaign_is_shared_and_its_supporters_thanked(organise):
    async with organise() as (v, client):
        campaign = await v.campaign(title="De l’eau {claire}", language="fr")
        path = f"/admin/campaigns/{campaign['id']}/share"
        page = (await client.get(path)).text
        link = f"http://127.0.0.1:4000/campaigns/{campaign['slug']}"
        assert f'value="{link}"' in page
        assert "De l’eau {claire} : écrivez à vos représentants" in page.replace("\xa0", " ")
        code = await client.get(f"{path}/code.svg")
        assert code.headers["content-type"].startswith("image/svg+xml")
        assert code.headers["content-disposition"].startswith("attachment")
        assert code.text.startswith("<svg")
        saved = await client.submit(path, {"thank_you": f"Merci {SCRIPT}"})
        assert saved.status_code == 303
        sent = await v.send(campaign)
        await v.run_jobs()
        status = (await client.get(f"/emails/{sent.json()['emails'][0]['id']}")).text
        assert "Merci &lt;script&gt;" in status
        assert SCRIPT not in status


async def test_a_draft_has_nothing_to_share_yet(organise):
    async with organise() as (v, client):
        campaign = await v.campaign("DRAFT")
        path = f"/admin/campaigns/{campaign['id']}/share"
        page = (await client.get(path)).text
        assert "once the campaign is published" in page
        assert "<svg xmlns" not in page
        assert (await client.get(f"{path}/code.svg")).status_code == 404
        assert (await client.submit(path, {"thank_you": "Thanks"})).status_code == 303
