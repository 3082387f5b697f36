"""The cover photo of a campaign: uploaded, shown in lists and previews, replaced, removed."""

from __future__ import annotations

import asyncio
import io

import pytest
from PIL import Image

from changemaker_core import ImageUse
from changemaker_influence.plugin import InfluencePlugin

JPEG = {"Content-Type": "image/jpeg"}


def photo(colour: str = "green") -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (1000, 600), colour).save(written, "JPEG")
    return written.getvalue()


def _in_use(site) -> list[str]:
    (use,) = [each for each in InfluencePlugin.contributes if isinstance(each, ImageUse)]
    return list(use.find(site))


async def test_a_cover_photo_is_uploaded_shown_and_removed(visit):
    async with visit() as v:
        campaign = await v.campaign()
        path = f"/api/campaigns/{campaign['id']}/cover-photo"
        answer = await v.organise("PUT", path, content=photo(), headers=JPEG)
        assert answer.status_code == 200, answer.text
        cover = answer.json()["cover_photo"]
        assert cover.startswith("/images/influence/")
        assert cover.endswith("-1000x600/1000.jpg")
        shown = (await v.client.get("/campaigns")).text
        assert f'src="{cover}"' in shown
        assert "480.webp 480w" in shown
        page = (await v.client.get(f"/campaigns/{campaign['slug']}")).text
        assert f'<meta property="og:image" content="{v.site.url(cover)}">' in page
        assert (await v.client.get(cover)).headers["content-type"] == "image/jpeg"
        assert await asyncio.to_thread(_in_use, v.site) == [cover]
        removed = await v.organise("DELETE", path)
        assert removed.json()["cover_photo"] == ""


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [(b"<svg/>", "image/svg+xml", 422), (b"no picture", "image/png", 422), (b"x", "text/css", 415)],
)
async def test_what_is_no_picture_is_rejected(visit, content, kind, status):
    async with visit() as v:
        campaign = await v.campaign()
        path = f"/api/campaigns/{campaign['id']}/cover-photo"
        headers = {"Content-Type": kind}
        answer = await v.organise("PUT", path, content=content, headers=headers)
        assert answer.status_code == status
        assert (await v.client.get(f"/campaigns/{campaign['slug']}")).status_code == 200


async def test_a_cover_photo_belongs_to_a_campaign_that_exists(visit):
    async with visit() as v:
        path = "/api/campaigns/0190a3f0-0000-7000-8000-000000000000/cover-photo"
        answer = await v.organise("PUT", path, content=photo(), headers=JPEG)
        assert answer.status_code == 404
        assert (
            await v.client.request("PUT", path, content=photo(), headers=JPEG)
        ).status_code == 401


@pytest.mark.database("sqlite")
async def test_a_photo_is_received_once_there_is_room_for_it(visit, monkeypatch):
    """As many as are sent at once would be in memory."""
    monkeypatch.setattr("changemaker_core.web.images.store.WAITING", -2)
    received = []

    async def body():
        for _ in range(3):
            received.append(1)
            yield photo()

    async with visit() as v:
        campaign = await v.campaign()
        path = f"/api/campaigns/{campaign['id']}/cover-photo"
        refused = await v.organise("PUT", path, content=body(), headers=JPEG)
        assert refused.status_code == 503
        assert len(received) < 3
