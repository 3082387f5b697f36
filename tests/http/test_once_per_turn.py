"""One check for all requests that are there already, and none too few."""

from __future__ import annotations

import asyncio
import time

import pytest

from changemaker_core.http import edge
from changemaker_core.http.edge import OncePerTurn


class Counted:
    def __init__(self):
        self.times = 0

    def __call__(self):
        self.times += 1


@pytest.fixture
def counted(monkeypatch):
    # Only the turn shall count, however slow the machine is at the moment.
    monkeypatch.setattr(edge, "_LONGEST_TURN", 60)
    return Counted()


async def test_requests_that_wait_share_a_check(counted):
    once = OncePerTurn(counted)

    async def request():
        once.check()

    await asyncio.gather(*(request() for _ in range(20)))
    assert counted.times == 1


async def test_a_request_that_comes_later_has_its_own(counted):
    once = OncePerTurn(counted)
    for _ in range(3):
        once.check()
        await asyncio.sleep(0)
    assert counted.times == 3


async def test_a_request_made_after_a_check_is_not_served_by_it(counted):
    """A check holds for requests that were waiting then; a later one may follow a write."""
    once = OncePerTurn(counted)
    loop = asyncio.get_running_loop()
    seen = []

    def late():
        once.check()
        seen.append(counted.times)

    once.check()
    loop.call_soon(late)
    await asyncio.sleep(0)
    assert seen == [2]


async def test_a_turn_that_takes_long_ends_by_itself():
    counted = Counted()
    once = OncePerTurn(counted)
    once.check()
    # As if code wrote without letting the loop turn.
    time.sleep(0.001)
    once.check()
    assert counted.times == 2
