"""The Represent client and its cache, against a local server that misbehaves."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

import pytest

from changemaker_influence.api import Directory, DirectoryEntry, representative
from changemaker_influence.directories.checks import check_data
from changemaker_influence.directories.models import PostalCode

pytestmark = pytest.mark.database("sqlite")

BAD = [
    "too_many",
    "too_many_for_ages",
    "nested",
    "unavailable",
    "hang",
    "half",
    "wrong_type",
    "not_json",
    "not_represent",
    "redirect",
    "drip",
    "huge",
    "drop",
]


class Represented(Directory):
    """A directory whose entries are cached under Represent's name."""

    name = "represent"

    async def find(self, code):
        raise NotImplementedError


@pytest.fixture
def ask(visit, represent):
    """``async with ask() as (v, look_up)``: ``look_up(code)`` asks the API."""
    import contextlib

    @contextlib.asynccontextmanager
    async def open_(**settings):
        quick = {"directory_timeout_seconds": 2.0, **settings}
        async with visit(directory="represent", represent_url=represent.url, **quick) as v:

            async def look_up(code="L5G 4L3"):
                return await v.representatives(code)

            yield v, look_up

    return open_


async def kept(v):
    return await v.site.db.read(lambda: [row.code for row in PostalCode.select()])


async def test_a_live_entry_is_cached_and_used(ask, represent):
    async with ask() as (v, look_up):
        response = await look_up("l5g 4l3")
        assert response.status_code == 200, response.text
        live = response.json()
        assert live["source"] == "live"
        assert (live["postal_code"], live["city"], live["province"]) == (
            "L5G4L3",
            "Mississauga",
            "ON",
        )
        first = live["data"][0]
        assert first.keys() == {
            "name",
            "email",
            "can_email",
            "level",
            "elected_office",
            "district_name",
            "party_name",
            "photo_url",
            "url",
            "offices",
            "representative_set_name",
        }
        assert first["offices"][0].keys() == {"type", "tel", "fax", "postal"}
        assert first["email"] == "avery.tremblay@parl.example.ca"
        cached = (await look_up("L5G-4L3")).json()
        assert cached["source"] == "cache"
        assert cached["data"] == live["data"]
        assert cached["cached_at"][:16] == live["cached_at"][:16]
        assert represent.codes == ["L5G4L3"]
        assert await v.metric('cm_representative_lookups_total{source="live"}') == 1
        assert await v.metric('cm_representative_lookups_total{source="cache"}') == 1


async def test_an_old_entry_is_fetched_again(ask, represent):
    async with ask() as (v, look_up):
        await look_up()
        v.clock.ahead += timedelta(days=6, hours=23)
        assert (await look_up()).json()["source"] == "cache"
        v.clock.ahead += timedelta(hours=2)
        assert (await look_up()).json()["source"] == "live"
        assert len(represent.codes) == 2


async def test_absent_keys_doubles_and_several_for_one_office(ask):
    async with ask() as (_, look_up):
        nobody = (await look_up("V0N 1B0")).json()
        assert (nobody["data"], nobody["city"]) == ([], "Whistler")
        double = (await look_up("K1A 0A1")).json()
        assert len(double["data"]) == 2
        assert double["ambiguous"] is False
        several = (await look_up("T5J 2R7")).json()
        assert several["ambiguous"] is True


@pytest.mark.parametrize("behaviour", BAD)
async def test_a_failing_directory_means_the_stale_cache_or_503(ask, represent, behaviour):
    async with ask() as (v, look_up):
        first = (await look_up()).json()
        v.clock.ahead += timedelta(days=8)
        represent.behaviour = behaviour
        stale = (await look_up()).json()
        assert stale["source"] == "cache_stale"
        assert stale["data"] == first["data"]
        assert stale["cached_at"][:16] == first["cached_at"][:16]
        refused = await look_up("K1A 0A1")
        assert refused.status_code == 503, refused.text
        assert refused.json()["code"] == "directory_unavailable"
        assert int(refused.headers["Retry-After"]) > 0
        assert await kept(v) == ["L5G4L3"]
        assert await v.metric('cm_representative_lookups_total{source="cache_stale"}') == 1
        assert await v.metric('cm_representative_lookups_total{source="none"}') == 1


async def test_404_means_an_unknown_code_or_the_stale_cache(ask, represent):
    async with ask() as (v, look_up):
        await look_up()
        v.clock.ahead += timedelta(days=8)
        represent.behaviour = "not_found"
        assert (await look_up()).json()["source"] == "cache_stale"
        refused = await look_up("K1A 0A1")
        assert (refused.status_code, refused.json()["code"]) == (503, "no_representatives_known")
        assert await kept(v) == ["L5G4L3"]


async def test_no_connection_is_unavailable(visit):
    async with visit(directory="represent", represent_url="http://127.0.0.1:9") as v:
        refused = await v.representatives("L5G 4L3")
        assert refused.json()["code"] == "directory_unavailable"


async def test_an_invalid_postal_code_sends_no_request(ask, represent):
    async with ask() as (_, look_up):
        for code in ("90210", "L5G", "", "../../x", "L5G 4L3?x=1"):
            refused = await look_up(code)
            assert refused.status_code == 422
            assert refused.json()["errors"][0]["field"] == "postal_code"
        assert "A1A 1A1" in (await look_up("90210")).json()["errors"][0]["message"]
        assert represent.codes == []


async def test_simultaneous_lookups_are_one_request(ask, represent):
    async with ask() as (_, look_up):
        represent.delay = 0.2
        responses = await asyncio.gather(*(look_up() for _ in range(12)))
        assert {response.json()["source"] for response in responses} == {"live"}
        assert represent.codes == ["L5G4L3"]


async def test_a_visitor_who_leaves_does_not_end_the_others_lookup(ask, represent):
    async with ask() as (_, look_up):
        represent.delay = 0.3
        leaving = asyncio.create_task(look_up())
        staying = asyncio.create_task(look_up())
        await asyncio.sleep(0.1)
        leaving.cancel()
        assert (await staying).json()["source"] == "live"


async def test_text_that_no_database_stores_is_left_out(ask, represent):
    async with ask() as (v, look_up):
        represent.behaviour = "unprintable"
        found = (await look_up("K1A 0A1")).json()
        assert found["city"] == "Ottawa"
        (person,) = found["data"]
        assert person["name"] == "Avery Tremblay"
        assert person["url"] == ""
        assert person["offices"] == [
            {"type": "", "tel": "1", "fax": "", "postal": "1 Main St\nOttawa"}
        ]
        assert await kept(v) == ["K1A0A1"]


async def test_a_retry_after_opens_the_breaker(ask, represent):
    async with ask() as (_, look_up):
        represent.behaviour = "too_many"
        await look_up("K1A 0A1")
        represent.behaviour = "good"
        refused = await look_up("L5G 4L3")
        assert refused.status_code == 503
        assert 0 < int(refused.headers["Retry-After"]) <= 20
        assert represent.codes == ["K1A0A1"]


async def test_one_failure_does_not_open_the_breaker(ask, represent):
    async with ask() as (_, look_up):
        represent.behaviour = "unavailable"
        await look_up("K1A 0A1")
        represent.behaviour = "good"
        assert (await look_up("L5G 4L3")).json()["source"] == "live"


async def test_repeated_failures_open_the_breaker(ask, represent):
    async with ask() as (_, look_up):
        represent.behaviour = "unavailable"
        for number in range(8):
            assert (await look_up(f"K1A 0A{number}")).status_code == 503
        assert len(represent.codes) == 5


@pytest.mark.parametrize("content", ["not_represent", "not_json", "wrong_type", "huge", "redirect"])
async def test_content_that_is_no_use_never_opens_the_breaker(ask, represent, content):
    async with ask() as (_, look_up):
        represent.behaviour = content
        for number in range(8):
            assert (await look_up(f"K1A 0A{number}")).status_code == 503
        represent.behaviour = "good"
        assert (await look_up("L5G 4L3")).json()["source"] == "live"


async def test_an_odd_record_is_repaired_logged_once_and_found_by_doctor(ask, represent, caplog):
    async with ask() as (v, look_up):
        represent.behaviour = "odd"
        for number in range(1, 7):
            response = await look_up(f"K7L 1A{number}")
            assert response.status_code == 200, response.text
            assert [each["name"] for each in response.json()["data"]] == [
                "Good Example",
                "Odd Example",
            ]
        assert len(represent.codes) == 6
        logged = [each for each in caplog.records if "number instead of text" in each.getMessage()]
        assert len(logged) == 1
        found = await asyncio.to_thread(lambda: list(check_data(v.site, Represented())))
        assert [each.status for each in found] == ["warning"]
        assert "tel is a number instead of text (6 times)" in found[0].detail


async def test_an_entry_of_which_nothing_can_be_used_replaces_none(ask, represent):
    async with ask() as (v, look_up):
        first = (await look_up()).json()
        v.clock.ahead += timedelta(days=8)
        represent.behaviour = "useless"
        stale = (await look_up()).json()
        assert (stale["source"], stale["data"]) == ("cache_stale", first["data"])
        none = await look_up("K1A 0A1")
        assert (none.status_code, none.json()["data"]) == (200, [])
        assert await kept(v) == ["L5G4L3"]


async def test_doctor_lists_offices_whose_level_is_unknown(visit):
    async with visit() as v:
        sheriff = representative(name="Sam", elected_office="Sheriff")
        depute = representative(name="Zoé", elected_office="Député")
        mayor = representative(name="Ann", elected_office="Mayor")

        class Here(Represented):
            cached = False

            def entries(self):
                yield DirectoryEntry(representatives=(sheriff, depute, mayor))
                yield DirectoryEntry(representatives=(sheriff,))

        (found,) = await asyncio.to_thread(lambda: list(check_data(v.site, Here())))
        assert "Sheriff (2 times); Député" in found.detail
        assert "Mayor" not in found.detail
        assert "column level" in found.fix


async def test_the_sites_own_limit_means_the_stale_cache(ask, represent):
    async with ask(represent_requests_per_minute=2) as (v, look_up):
        await look_up("L5G 4L3")
        await look_up("K1A 0A1")
        refused = await look_up("T5J 2R7")
        assert refused.status_code == 503
        assert 50 < int(refused.headers["Retry-After"]) <= 65
        v.clock.ahead += timedelta(days=8)
        assert (await look_up("L5G 4L3")).json()["source"] == "live"
        assert len(represent.codes) == 3


async def test_postal_codes_stay_out_of_the_log(ask, represent, caplog):
    with caplog.at_level(logging.DEBUG, logger="changemaker_influence"):
        async with ask() as (_, look_up):
            represent.behaviour = "unavailable"
            await look_up("K1A 0A1")
    assert "status 503" in caplog.text
    assert "K1A" not in caplog.text


async def test_the_page_shows_the_error(ask, represent):
    async with ask() as (v, _):
        campaign = await v.campaign()
        represent.behaviour = "unavailable"
        page = await v.look_up(campaign, "K1A0A1")
        assert page.status_code == 200
        assert "cannot look up representatives" in page.text
        represent.behaviour = "good"
        page = await v.look_up(campaign, "K1A0A1")
        assert "Sam Sample" in page.text


async def test_sending_needs_the_directory(ask, represent):
    async with ask() as (v, _):
        campaign = await v.campaign()
        represent.behaviour = "unavailable"
        refused = await v.send(campaign)
        assert (refused.status_code, refused.json()["code"]) == (503, "directory_unavailable")
        represent.behaviour = "good"
        assert (await v.send(campaign)).status_code == 202


async def test_a_form_whose_lookup_failed_queries_the_directory_once(ask, represent):
    async with ask() as (v, _):
        campaign = await v.campaign()
        represent.behaviour = "unavailable"
        typed = {"sender_name": "Sam", "sender_email": "sam@example.org", "consent": "on"}
        typed |= {"postal_code": "K1A0A1", "recipients": "x", "subject": "Park", "body": "Keep it."}
        page = await v.client.post(f"/campaigns/{campaign['slug']}", data=typed)
        assert page.status_code == 422
        assert page.text.count("cannot look up representatives") > 0
        assert len(represent.requests) == 1
