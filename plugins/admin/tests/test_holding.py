"""A queue is held, released and tried on pages, which say what will happen."""

from __future__ import annotations

import pytest

from changemaker_admin.plugin import AdminPlugin
from changemaker_core.jobs import hold_queue, holds
from changemaker_core.jobs.held_queues.trials import hold_until_success
from changemaker_core.testing import as_role

PAGE = "/admin/queues/mail"
pytestmark = pytest.mark.database("sqlite")


async def test_a_queue_is_held_and_released(open_app):
    async with open_app(AdminPlugin) as app, as_role(app, "SUPER_ADMIN") as browser:
        assert "Running" in (await browser.get(PAGE)).text
        asked = await browser.get(f"{PAGE}/hold")
        assert "invitations, links to sign in" in asked.text
        long = await browser.submit(f"{PAGE}/hold", {"note": "x" * 501})
        assert long.status_code == 422
        assert "x" * 501 in long.text
        held = await browser.submit(f"{PAGE}/hold", {"note": "<i>moving</i>"})
        assert held.headers["location"] == PAGE
        page = (await browser.get(PAGE)).text
        assert "&lt;i&gt;moving&lt;/i&gt;" in page
        assert "<dd>Sam Sample</dd>" in page
        again = await browser.submit(f"{PAGE}/hold")
        assert "This queue is held already." in (await browser.get(again.headers["location"])).text
        assert "0 jobs wait" in (await browser.get(f"{PAGE}/release")).text
        await browser.submit(f"{PAGE}/release")
        assert await app.site.db.all(holds()) == []
        assert "What waited in it runs now." in (await browser.get(PAGE)).text
        assert (await browser.get("/admin/queues/nothing")).status_code == 404


@pytest.mark.parametrize(
    ("reason", "advice"),
    [("restore", "after that backup was made"), ("silence", "out of date")],
)
async def test_a_hold_of_the_site_says_what_to_do(open_app, reason, advice):
    async with open_app(AdminPlugin) as app, as_role(app, "SUPER_ADMIN") as browser:
        await app.site.db.write(hold_queue, "mail", reason)
        page = (await browser.get(PAGE)).text
        assert advice in page
        assert "Try one now" not in page


async def test_one_is_tried_of_a_queue_that_waits_for_a_server(open_app):
    async with open_app(AdminPlugin) as app, as_role(app, "SUPER_ADMIN") as browser:
        await app.site.db.write(hold_until_success, "mail", "unreachable", "timed out")
        tried = await browser.submit(f"{PAGE}/try", page=PAGE)
        assert "One is tried now." in (await browser.get(tried.headers["location"])).text


async def test_queues_are_held_by_those_who_may(open_app):
    async with open_app(AdminPlugin) as app, as_role(app, "USER") as browser:
        for path in (PAGE, f"{PAGE}/hold", f"{PAGE}/release"):
            assert (await browser.get(path)).status_code == 403
