"""The pages of settings."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from changemaker_admin.plugin import AdminPlugin
from changemaker_core.testing import as_role

pytestmark = pytest.mark.database("sqlite")
ORGANISATION = "/admin/settings/organisation"
FROM_HERE = {"Sec-Fetch-Site": "same-origin"}


async def test_each_group_has_a_page_whose_form_changes_nothing_by_itself(open_app):
    async with open_app(AdminPlugin) as app, as_role(app, "SUPER_ADMIN") as client:
        overview = await client.get("/admin/settings")
        names = [group.name for group in app.site.settings.groups]
        assert len(names) >= 4
        for name in names:
            assert f'href="/admin/settings/{name}"' in overview.text
            sent = await client.submit(f"/admin/settings/{name}")
            assert sent.status_code == 303, sent.text
            shown = await client.get(f"/admin/settings/{name}")
            assert "There was nothing to save." in shown.text
            assert app.site.settings.reading(name).version == 0


async def test_what_is_typed_is_saved_and_shown_as_text(open_app):
    typed = {
        "set-name": "Prairie <script>alert(1)</script>",
        "set-privacy.en": "We keep\r\nnothing.",
        "set-privacy.fr": "",
    }
    async with open_app(AdminPlugin) as app, as_role(app, "SUPER_ADMIN") as client:
        assert (await client.submit(ORGANISATION, typed)).status_code == 303
        page = (await client.get(ORGANISATION)).text
        history = (await client.get(f"{ORGANISATION}/history")).text
    assert "Your changes are saved." in page
    assert "Prairie &lt;script&gt;" in page
    assert "We keep\nnothing.</textarea>" in page
    assert "Prairie &lt;script&gt;" in history
    assert "<script>alert" not in page + history


async def test_each_error_stands_at_its_field_and_what_was_typed_is_kept(open_app):
    path = "/admin/settings/mail"
    typed = {"set-host": "h", "set-port": "many", "set-from_name": "Ada", "set-user": "u"}
    async with open_app(AdminPlugin) as app, as_role(app, "SUPER_ADMIN") as client:
        refused = await client.submit(path, {**typed, "set-password": "secret river"})
        assert refused.status_code == 422
        assert 'id="set-port-error"' in refused.text
        assert 'value="Ada"' in refused.text
        assert 'value="many"' in refused.text
        assert "secret river" not in refused.text
        assert app.site.settings.reading("mail").version == 0


async def test_the_second_of_two_editors_is_shown_what_the_first_has_saved(open_app):
    async with (
        open_app(AdminPlugin) as app,
        as_role(app, "SUPER_ADMIN") as first,
        as_role(app, "SUPER_ADMIN") as second,
    ):
        seen = await second.get(ORGANISATION)
        await first.submit(ORGANISATION, {"set-name": "First", "set-short_name": "F"})
        fields = hidden_fields(seen) | {"set-name": "Second", "set-short_name": ""}
        conflict = await second.post(ORGANISATION, data=fields, headers=FROM_HERE)
        assert conflict.status_code == 409
        assert 'value="Second"' in conflict.text
        assert "First" in conflict.text
        assert 'value="F"' in conflict.text  # what the second had not touched
        assert app.site.settings.reading("organisation").values.name == "First"
        again = hidden_fields(conflict) | {"set-name": "Second", "set-short_name": "F"}
        assert (await second.post(ORGANISATION, data=again, headers=FROM_HERE)).status_code == 303
        values = app.site.settings.reading("organisation").values
        assert (values.name, values.short_name) == ("Second", "F")


async def test_an_earlier_version_is_restored(open_app):
    history, restore = f"{ORGANISATION}/history", f"{ORGANISATION}/restore"
    async with open_app(AdminPlugin) as app, as_role(app, "SUPER_ADMIN") as client:
        for name in ("One", "Two"):
            await client.submit(ORGANISATION, {"set-name": name})
        assert (await client.submit(restore, page=history)).status_code == 303
        assert app.site.settings.reading("organisation").values.name == "One"
        stale = await client.submit(restore, {"version": "1"}, page=history)
        assert stale.status_code == 409
        gone = await client.submit(restore, {"to": "77"}, page=history)
        assert gone.status_code == 404


async def test_a_picture_is_stored_and_removed(open_app):
    picture = io.BytesIO()
    Image.new("RGB", (300, 100), "#0d5f58").save(picture, "PNG")
    path = f"{ORGANISATION}/pictures/logo"
    async with open_app(AdminPlugin) as app, as_role(app, "SUPER_ADMIN") as client:

        async def send(content):
            files = {"picture": ("logo.png", content, "image/png")}
            return await client.submit(path, files=files, page=ORGANISATION)

        wrong = await send(b"no picture")
        assert wrong.status_code == 422
        assert "cannot be read as a picture" in wrong.text
        assert (await send(picture.getvalue())).status_code == 303
        logo = app.site.settings.reading("organisation").values.logo
        assert logo.startswith("/images/settings/")
        removed = await client.submit(path, {"remove": "on"}, page=ORGANISATION)
        assert removed.status_code == 303
        assert app.site.settings.reading("organisation").values.logo == ""


async def test_a_look_is_shown_before_it_is_saved(open_app):
    path = "/admin/settings/appearance"
    async with open_app(AdminPlugin) as app, as_role(app, "SUPER_ADMIN") as client:
        shown = await client.get(f"{path}/preview?brand=%23224488")
        assert shown.headers["x-frame-options"] == "SAMEORIGIN"
        assert "frame-ancestors 'self'" in shown.headers["content-security-policy"]
        sheet = shown.text.partition(f'href="{path}/colors.css')[2]
        query = sheet.partition('"')[0].replace("&amp;", "&")
        css = await client.get(f"{path}/colors.css{query}")
        assert "--brand: #224488;" in css.text
        light = await client.get(f"{path}/preview?brand=%23ffee00")
        assert "too light to be read" in light.text
        injected = await client.get(f"{path}/colors.css?brand=%7D*%7B")
        assert injected.status_code == 404
        assert app.site.settings.reading("appearance").version == 0


async def test_typed_texts_are_previewed(open_app):
    async with open_app(AdminPlugin) as app, as_role(app, "SUPER_ADMIN") as client:
        fields = hidden_fields(await client.get(ORGANISATION)) | {
            "set-name": "Ours",
            "set-privacy.en": "We <b>keep</b> nothing.",
        }
        shown = await client.post(f"{ORGANISATION}/preview", data=fields, headers=FROM_HERE)
    assert shown.status_code == 200
    assert "We &lt;b&gt;keep&lt;/b&gt; nothing." in shown.text


async def test_settings_need_a_permission(open_app):
    async with open_app(AdminPlugin) as app, as_role(app, "USER") as client:
        for path in ("", "/organisation", "/organisation/history", "/organisation/preview"):
            assert (await client.get(f"/admin/settings{path}")).status_code == 403


async def test_what_the_operator_has_set_is_shown_and_cannot_be_changed(open_app):
    async with (
        open_app(AdminPlugin, organisation="Fixed") as app,
        as_role(app, "SUPER_ADMIN") as client,
    ):
        page = (await client.get(ORGANISATION)).text
        assert "The operator has set this (organisation)" in page
        assert 'name="set-name"' not in page
        sent = await client.submit(ORGANISATION, {"set-name": "Mine", "set-short_name": "M"})
        assert sent.status_code == 303
        assert app.site.organisation == "Fixed"


def hidden_fields(page):
    """Return the hidden fields of a page that edits."""
    found = {}
    for name in ("csrf_token", "version", "seen"):
        after = page.text.partition(f'name="{name}"')[2]
        found[name] = after.partition('value="')[2].partition('"')[0]
    return found
