"""Formatted texts on the pages of a campaign."""

from __future__ import annotations

import re

import pytest


@pytest.mark.database("sqlite")
async def test_the_page_shows_them_and_previews_of_links_do_not(organise):
    async with organise() as (v, client):
        text = "**Act** <b>now</b>\n\n- one"
        campaign = await v.campaign(description=text)
        page = (await v.client.get(f"/campaigns/{campaign['slug']}")).text
        assert "<p><strong>Act</strong> &lt;b&gt;now&lt;/b&gt;</p>" in page
        assert "<li>one</li>" in page
        assert '<meta name="description" content="Act &lt;b&gt;now&lt;/b&gt;">' in page
        listed = (await v.client.get("/campaigns")).text
        assert "Act &lt;b&gt;now&lt;/b&gt;" in listed
        await v.change(campaign["id"], status="PAUSED")
        closed = (await v.client.get(f"/campaigns/{campaign['slug']}")).text
        assert "<strong>Act</strong>" in closed
        path = f"/admin/campaigns/{campaign['id']}/formatted"
        form = await client.get(f"/admin/campaigns/{campaign['id']}")
        token = re.search(r'name="csrf_token" value="([^"]+)"', form.text)[1]
        sent = {"text": text, "csrf_token": token}
        same = {"Sec-Fetch-Site": "same-origin"}
        shown = await client.post(path, data=sent, headers=same)
        assert shown.text.strip().startswith("<p><strong>Act</strong>")
