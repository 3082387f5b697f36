"""A write in one web process is seen by the next request to the other."""

from __future__ import annotations

import time

import httpx
import pytest

ROUNDS = 300
#: Seconds within which PostgreSQL's notification has reached every process, on a busy machine.
NOTICE = {"sqlite": 0.0, "postgresql": 1.0}


@pytest.mark.parametrize("cached", [True, False], ids=["cached", "not cached"])
def test_a_write_is_seen_by_the_other_process(operated, organiser_at, database_url, cached):
    notice = NOTICE[database_url.partition(":")[0]]
    with operated.serve() as one, operated.serve() as other, httpx.Client(base_url=other) as client:
        writer = organiser_at(one, operated)
        reader = client if cached else organiser_at(other, operated).client
        campaign = writer.campaign()
        path = f"/api/public/campaigns/{campaign['slug']}"
        if not cached:
            path = f"/api/campaigns/{campaign['id']}"
        stale = []
        for number in range(ROUNDS):
            reader.get(path)  # so that the next response could be a cached one
            assert writer.change(campaign["id"], description=f"Version {number}").is_success
            until = time.monotonic() + notice
            while (seen := reader.get(path).json()["description"]) != f"Version {number}":
                if time.monotonic() >= until:
                    stale.append((number, seen))
                    break
        assert stale == []
