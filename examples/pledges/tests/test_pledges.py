"""Pledges, on each database that is available."""

from __future__ import annotations

import pytest

from changemaker_core.testing import (
    check_personal_data,
    client_of,
    run_jobs,
    sent_mail,
    signed_in,
    source_problems,
)
from changemaker_pledges.plugin import PledgesPlugin

ADA = {"name": "Ada Sample", "email": "ada@example.org"}


@pytest.fixture
async def app(open_app):
    async with open_app(PledgesPlugin) as opened:
        yield opened


@pytest.fixture
async def visitor(app):
    async with client_of(app) as client:
        yield client


def test_templates_and_catalogues_are_sound(make_site):
    assert source_problems(make_site(PledgesPlugin)) == []


def test_personal_data_is_declared(make_site):
    check_personal_data(make_site(PledgesPlugin))


async def test_a_pledge_is_counted_and_thanked_for(app, visitor):
    response = await visitor.post("/pledges", data=ADA)
    assert response.status_code == 303
    assert "1 person will come." in (await visitor.get(response.headers["Location"])).text
    assert await run_jobs(app.site) == 1
    (mail,) = sent_mail(app.site)
    assert mail.to == "Ada Sample <ada@example.org>"
    assert "Ada Sample" in mail.text


async def test_one_address_pledges_once(app, visitor):
    for email in ("ada@example.org", "ADA@example.org"):
        assert (await visitor.post("/pledges", data={**ADA, "email": email})).status_code == 303
    assert await run_jobs(app.site) == 1
    assert "\ncm_pledges 1.0\n" in (await visitor.get("/api/metrics")).text


async def test_errors_are_in_the_visitors_language(visitor):
    french = {"Accept-Language": "fr-CA"}
    response = await visitor.post("/pledges", data={"name": "Ada"}, headers=french)
    assert response.status_code == 422
    assert "Votre adresse courriel" in response.text


async def test_the_number_of_pledges_of_a_visitor_is_limited(visitor):
    typed = [{**ADA, "email": f"ada{n}@example.org"} for n in range(11)]
    statuses = [(await visitor.post("/pledges", data=each)).status_code for each in typed]
    assert statuses == [303] * 10 + [429]


async def test_only_organisers_list_and_add_pledges(app, visitor):
    assert (await visitor.get("/api/pledges")).status_code == 401
    async with signed_in(app, "USER") as user:
        assert (await user.post("/api/pledges", json=ADA)).status_code == 403
    async with signed_in(app, "PLEDGES_ADMIN") as organiser:
        assert (await organiser.post("/api/pledges", json={"name": "Ada"})).status_code == 422
        assert (await organiser.post("/api/pledges", json=ADA)).status_code == 201
        listed = (await organiser.get("/api/pledges")).json()
    assert [each["email"] for each in listed["data"]] == ["ada@example.org"]
