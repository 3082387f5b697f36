"""People: one person's data is found, exported and erased."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial

import pytest

from changemaker_admin.people.addresses import LASTS
from changemaker_admin.plugin import AdminPlugin
from changemaker_core.audit import CoreAuditEntry
from changemaker_core.features.accounts import api as accounts
from changemaker_core.testing import Clock, as_role

ANN = "ann@example.org"
SEARCH = "/admin/people"

pytestmark = pytest.mark.database("sqlite")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def app(open_app, clock):
    async with open_app(AdminPlugin, clock=clock) as app:
        create = partial(accounts.create_user, email=ANN, name="Ann <b>Bird</b>", role="USER")
        await asyncio.to_thread(create, app.site, password=None)
        yield app


async def found(browser, emails=ANN):
    """The path of the page about a person."""
    response = await browser.submit(SEARCH, {"emails": emails})
    assert response.status_code == 303, response.text
    return response.headers["location"]


async def actions(app):
    wanted = CoreAuditEntry.action.startswith("privacy.")
    query = CoreAuditEntry.select().where(wanted).order_by(CoreAuditEntry.id)
    return [each.action for each in await app.site.db.read(lambda: list(query))]


async def test_a_person_is_found_shown_and_exported(app):
    async with as_role(app, "SUPER_ADMIN") as browser:
        path = await found(browser, " ANN@Example.org ")
        page = await browser.get(path)
        assert page.status_code == 200, page.text
        assert page.headers["cache-control"] == "no-store"
        assert "Ann &lt;b&gt;Bird&lt;/b&gt;" in page.text
        export = await browser.submit(f"{path}/export", page=path)
        assert export.headers["content-disposition"].startswith("attachment")
        rows = {each["name"]: each["rows"] for each in export.json()["data"]}
        assert rows["accounts.users"][0]["email"] == ANN
    seen, exported = "privacy.person.looked_up", "privacy.person.exported"
    assert await actions(app) == [seen, seen, exported]


async def test_an_erasure_says_what_it_does_and_wants_to_be_sure(app):
    async with as_role(app, "SUPER_ADMIN") as browser:
        path = await found(browser)
        assert "What stays:" in (await browser.get(f"{path}/erase")).text
        unsure = await browser.submit(f"{path}/erase")
        assert unsure.status_code == 422
        assert "Tick this box" in unsure.text
        done = await browser.submit(f"{path}/erase", {"checked": "on"})
        assert (done.status_code, done.headers["location"]) == (303, SEARCH)
        assert "Everything is erased" in (await browser.get(SEARCH)).text
        assert "Nothing is stored" in (await browser.get(path)).text
    assert (await actions(app))[-1] == "privacy.person.erased"


async def test_nobody_erases_the_account_that_they_act_with(app):
    async with as_role(app, "SUPER_ADMIN") as browser:
        (own,) = await app.site.db.read(
            lambda: [each.email for each in accounts_of(app) if each.email != ANN]
        )
        path = await found(browser, own)
        asked = await browser.get(f"{path}/erase")
        assert "Ask another administrator" in asked.text
        assert "Erase 1" not in asked.text


def accounts_of(app):
    from changemaker_core.features.accounts.users.models import User

    return list(User.select())


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("", 'id="emails-error"'),
        ("ann", "ann is no email address."),
        (" ".join(["a@example.org"] * 21), "at most 20"),
    ],
)
async def test_what_is_no_address_is_said_at_the_field(app, typed, error):
    async with as_role(app, "SUPER_ADMIN") as browser:
        refused = await browser.submit(SEARCH, {"emails": typed})
        assert refused.status_code == 422
        assert error in refused.text
        assert f'value="{typed}"' in refused.text


async def test_a_page_is_for_whoever_searched_and_not_for_ever(app, clock):
    async with as_role(app, "SUPER_ADMIN") as browser, as_role(app, "SUPER_ADMIN") as other:
        path = await found(browser)
        assert (await other.get(path)).status_code == 404
        assert (await browser.get(f"{SEARCH}/ann")).status_code == 404
        clock.forward(minutes=16)
        asked = await browser.get(path)
        assert asked.headers["location"].startswith("/account/confirm")
        clock.forward(seconds=(LASTS + timedelta(minutes=1)).total_seconds())
        assert (await browser.get(path)).status_code in (303, 404)


async def test_people_are_for_those_who_may_see_them(app):
    async with as_role(app, "SUPER_ADMIN") as browser, as_role(app, "USER") as user:
        assert f'href="{SEARCH}"' in (await browser.get("/admin")).text
        assert f'href="{SEARCH}"' not in (await user.get("/admin")).text
        path = await found(browser)
        for hidden in (SEARCH, path, f"{path}/erase", f"{SEARCH}/retention"):
            assert (await user.get(hidden)).status_code == 403


async def test_how_long_data_is_kept(app, clock):
    async with as_role(app, "SUPER_ADMIN") as browser:
        page = (await browser.get(f"{SEARCH}/retention")).text
        assert "730 days" in page
        assert "Until it is erased" in page
