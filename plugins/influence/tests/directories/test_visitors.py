"""Each visitor's own part of the directory's limit."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from changemaker_influence.networks import services as networks

PATH = "/api/public/representatives"
CODES = [f"K{n}A 0A{m}" for n in range(1, 5) for m in range(1, 6)]
PROXY = {"trusted_proxies": ("127.0.0.1/32",)}


async def look_up(v, code, address="203.0.113.7", path=PATH):
    headers = {"X-Forwarded-For": address}
    if path != PATH:
        return await v.client.post(path, data={"find": "1", "postal_code": code}, headers=headers)
    return await v.representatives(code, headers=headers)


async def test_one_visitor_leaves_the_directory_to_the_others(visit, represent):
    async with visit(PROXY, directory="represent", represent_url=represent.url) as v:
        statuses = [(await look_up(v, code)).status_code for code in CODES]
        assert statuses == [200] * 10 + [429] * 10
        assert len(represent.codes) == 10
        refused = await look_up(v, CODES[-1])
        assert 0 < int(refused.headers["Retry-After"]) <= 60
        assert "internet connection" in refused.json()["detail"]
        # What is cached costs nothing, and others are not affected.
        assert (await look_up(v, CODES[0])).status_code == 200
        assert (await look_up(v, CODES[-1], "198.51.100.1")).status_code == 200
        assert (await look_up(v, CODES[-1])).status_code == 200  # it is cached now
        v.clock.ahead += timedelta(minutes=1, seconds=1)
        assert (await look_up(v, CODES[-2])).status_code == 200


async def test_a_page_says_what_to_do_next_and_an_old_entry_is_better_than_none(visit, represent):
    settings = {"directory": "represent", "represent_url": represent.url}
    async with visit(PROXY, **settings, lookups_per_minute=1) as v:
        campaign = await v.campaign()
        path = f"/campaigns/{campaign['slug']}"
        assert (await look_up(v, CODES[0], path=path)).status_code == 200
        refused = await look_up(v, CODES[1], path=path)
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) > 0
        assert "Please wait" in refused.text
        assert f'value="{CODES[1]}"' in refused.text
        v.clock.ahead += timedelta(days=8)
        assert (await look_up(v, CODES[2])).status_code == 200
        assert (await look_up(v, CODES[0])).json()["source"] == "cache_stale"


async def test_who_joins_the_lookup_of_another_visitor_is_not_refused_for_them(visit, represent):
    settings = {"directory": "represent", "represent_url": represent.url}
    async with visit(PROXY, **settings, lookups_per_minute=1) as v:
        assert (await look_up(v, CODES[0])).status_code == 200
        first, *others = await asyncio.gather(
            look_up(v, CODES[1]),
            *(look_up(v, CODES[1], f"198.51.100.{n}") for n in range(5)),
        )
        assert [each.status_code for each in others] == [200] * 5
        assert first.status_code in (200, 429)  # 200 where it joined another's
        assert represent.codes.count("K1A0A2") == 1


async def test_an_event_has_the_sites_limit(visit, represent):
    settings = {"directory": "represent", "represent_url": represent.url}
    async with visit(PROXY, **settings, lookups_per_minute=1) as v:
        until = v.clock() + timedelta(hours=1)
        raised = networks.Raised(network="203.0.113.7", people=100, until=until)
        await v.site.db.write(networks.raise_limit, raised)
        assert {(await look_up(v, code)).status_code for code in CODES[:5]} == {200}
