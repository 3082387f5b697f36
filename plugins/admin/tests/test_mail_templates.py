"""The pages on which the texts of mail are edited."""

from __future__ import annotations

import pytest

from changemaker_admin.plugin import AdminPlugin
from changemaker_core import MailTemplate, MailVariable, Plugin, Text, hookimpl
from changemaker_core.testing import as_role, run_jobs, sent_mail

pytestmark = pytest.mark.database("sqlite")
ONE = "/admin/mail-templates/garden.thanks/en"
FROM_HERE = {"Sec-Fetch-Site": "same-origin"}
THANKS = MailTemplate(
    "garden.thanks",
    category=Text("Garden"),
    title=Text("Thanks for a tree"),
    subject=Text("Thank you"),
    text=Text("Hello {{ name }},\n\nthank you!"),
    variables=(MailVariable("name", Text("The person's name"), "Ada"),),
)


class GardenPlugin(Plugin):
    name = "garden"

    @hookimpl
    def mailtemplates_register_templates(self):
        return [THANKS]


async def test_a_text_is_edited_and_its_versions_lead_back(open_app):
    restore = f"{ONE}/restore"
    async with open_app(AdminPlugin, GardenPlugin) as app, as_role(app, "SUPER_ADMIN") as client:
        listed = (await client.get("/admin/mail-templates")).text
        assert f'href="{ONE}"' in listed
        for text in ("Dear {{ name }}, one.", "Dear {{ name }},\r\n<b>two</b>."):
            assert (await client.submit(ONE, {"text": text})).status_code == 303
        page = (await client.get(ONE)).text
        assert "The text is saved." in page
        assert "Dear {{ name }},\n&lt;b&gt;two&lt;/b&gt;.</textarea>" in page
        versions = (await client.get(f"{ONE}/versions")).text
        assert "+&lt;b&gt;two&lt;/b&gt;." in versions
        assert "-Dear {{ name }}, one." in versions
        back = await client.submit(restore, page=f"{ONE}/versions")
        assert back.status_code == 303
        assert "Dear {{ name }}, one.</textarea>" in (await client.get(ONE)).text
        stale = await client.submit(restore, {"version": "1"}, page=f"{ONE}/versions")
        assert stale.status_code == 409
        fields = {"number": "0", "version": "3"}
        assert (await client.submit(restore, fields, page=f"{ONE}/versions")).status_code == 303
        assert "thank you!</textarea>" in (await client.get(ONE)).text


async def test_mistakes_are_shown_with_their_line_and_what_was_typed_is_kept(open_app):
    typed = {"subject": "{{ site_url }}", "text": "One\n{{ nobody }}"}
    async with open_app(AdminPlugin, GardenPlugin) as app, as_role(app, "SUPER_ADMIN") as client:
        for path in (ONE, f"{ONE}/test"):
            refused = await press(client, path, typed)
            assert refused.status_code == 422
            assert 'id="subject-error"' in refused.text
            assert "Line 2:" in refused.text
            assert "One\n{{ nobody }}</textarea>" in refused.text
        shown = await press(client, f"{ONE}/preview", typed)
        assert "Line 2:" in shown.text


async def test_the_second_of_two_editors_loses_nothing(open_app):
    async with (
        open_app(AdminPlugin, GardenPlugin) as app,
        as_role(app, "SUPER_ADMIN") as first,
        as_role(app, "SUPER_ADMIN") as second,
    ):
        await first.submit(ONE, {"subject": "The first"})
        conflict = await second.submit(ONE, {"subject": "The second", "version": "0", "seen": ""})
        assert conflict.status_code == 409
        assert 'value="The second"' in conflict.text
        assert "The first" in conflict.text


async def test_a_text_is_previewed_in_a_frame_of_its_own_and_sent_as_a_test(open_app):
    typed = {"subject": "Trying", "text": "Hello {{ name }} <script>alert(1)</script>"}
    async with open_app(AdminPlugin, GardenPlugin) as app, as_role(app, "SUPER_ADMIN") as client:
        shown = await press(client, f"{ONE}/preview", typed)
        assert shown.headers["content-security-policy"].startswith("sandbox;")
        assert shown.headers["x-frame-options"] == "SAMEORIGIN"
        assert "Hello Ada &lt;script&gt;" in shown.text
        plain = await press(client, f"{ONE}/preview-text", typed)
        assert "<h1>Trying</h1>" in plain.text
        assert "<script>alert" not in shown.text + plain.text
        sent = await press(client, f"{ONE}/test", typed)
        assert "A test is on its way" in sent.text
        await run_jobs(app.site)
        assert [mail.subject for mail in sent_mail(app.site)] == ["Trying"]
        page = (await client.get(ONE)).text
        assert "Thank you" in page  # nothing was saved


async def test_texts_of_mail_need_a_permission(open_app):
    async with open_app(AdminPlugin, GardenPlugin) as app, as_role(app, "USER") as client:
        for path in ("/admin/mail-templates", ONE, f"{ONE}/versions", f"{ONE}/preview"):
            assert (await client.get(path)).status_code == 403


@pytest.mark.parametrize("path", ["garden.nothing/en", "garden.thanks/nolanguage"])
async def test_there_is_no_page_of_a_mail_that_is_not_there(open_app, path):
    async with open_app(AdminPlugin, GardenPlugin) as app, as_role(app, "SUPER_ADMIN") as client:
        for end in ("", "/versions", "/preview"):
            assert (await client.get(f"/admin/mail-templates/{path}{end}")).status_code == 404


async def press(client, path, typed):
    """Send the editor's form by a button that leads to ``path``."""
    page = (await client.get(ONE)).text
    token = page.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]
    fields = {"csrf_token": token, "version": "0", "seen": "", **typed}
    return await client.post(path, data=fields, headers=FROM_HERE)
