"""What people change of themselves, on a page and over the API."""

from __future__ import annotations

import pytest

from changemaker_core.audit.models import CoreAuditEntry
from changemaker_core.features.accounts.users.models import User
from changemaker_core.testing import as_role, signed_in
from tests.accounts.gallery.plugin import GalleryPlugin


async def changes(site):
    query = CoreAuditEntry.select().where(CoreAuditEntry.action == "accounts.user.changed")
    return await site.db.read(query.count)


async def test_people_change_their_own_name_telephone_and_language(open_app):
    async with open_app(GalleryPlugin) as app, as_role(app, "USER") as person:
        fields = {"name": "Zoé Tremblay", "phone": "780 555-0100", "locale": "fr"}
        response = await person.submit("/account", fields)
        assert (response.status_code, response.headers["location"]) == (303, "/account")
        page = (await person.get("/account")).text
        assert "Your details are saved." in page
        assert 'value="Zoé Tremblay"' in page
        assert '<option value="fr" selected>' in page
        assert await changes(app.site) == 1
        await person.submit("/account", fields)
        assert await changes(app.site) == 1  # nothing was changed


async def test_a_page_changes_nothing_but_its_own_fields(open_app):
    async with open_app(GalleryPlugin) as app, as_role(app, "USER") as person:
        fields = {"name": "Zoé", "phone": "", "locale": "en", "role": "SUPER_ADMIN"}
        await person.post("/account", data=fields, headers={"Sec-Fetch-Site": "same-origin"})
        assert {user.role for user in await app.site.db.read(lambda: list(User.select()))} == {
            "USER"
        }


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("name", "", "This field is required."),
        ("name", "Win at https://prize.example", "name"),
        ("phone", "1" * 33, "32"),
        ("locale", "de", "Choose a language of this site."),
    ],
)
@pytest.mark.database("sqlite")
async def test_a_mistake_is_shown_at_its_field(open_app, field, value, problem):
    async with open_app(GalleryPlugin) as app, as_role(app, "USER") as person:
        fields = {"name": "Zoé", "phone": "780 555-0100", "locale": "en", field: value}
        response = await person.submit("/account", fields)
        assert response.status_code == 422
        assert f'id="{field}-error"' in response.text
        assert problem in response.text
        assert await changes(app.site) == 0


@pytest.mark.database("sqlite")
async def test_programs_change_the_same(open_app):
    async with open_app() as app, signed_in(app, "USER") as client:
        response = await client.patch("/api/auth/me", json={"locale": "fr"})
        assert (response.status_code, response.json()["locale"]) == (200, "fr")
        wrong = await client.patch("/api/auth/me", json={"locale": "de"})
        assert wrong.status_code == 422
        assert (await client.patch("/api/auth/me", json={"role": "SUPER_ADMIN"})).status_code == 422
