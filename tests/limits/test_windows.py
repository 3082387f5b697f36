"""Sliding windows in memory."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from changemaker_core.limits.windows import MAX_VISITORS, MemoryWindow, Rate, visitor_key


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize("written", ["0/minute", "10", "10/year", "-1/hour", "ten/minute", ""])
def test_a_rate_is_written_in_one_way(written):
    with pytest.raises(ValueError, match="10/minute"):
        Rate.parse(written)


def test_each_visitor_has_a_window():
    window = MemoryWindow(Rate(2, 60), Clock())
    assert [window.take("a").exceeded for _ in range(3)] == [False, False, True]
    assert not window.take("b").exceeded


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 6),
    st.lists(st.floats(0, 40, allow_nan=False), max_size=40),
)
def test_a_request_after_the_announced_wait_is_allowed(limit, pauses):
    clock = Clock()
    window = MemoryWindow(Rate(limit, 60), clock)
    for pause in pauses:
        clock.now += pause
        standing = window.take("a")
        if standing.exceeded:
            assert 0 < standing.wait <= 120
            clock.now += standing.wait + 0.001
            assert not window.take("a").exceeded


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 6), st.lists(st.floats(0, 20, allow_nan=False), max_size=80))
def test_no_period_of_the_clock_holds_more_than_the_limit(limit, pauses):
    clock = Clock()
    window = MemoryWindow(Rate(limit, 60), clock)
    taken: dict[int, int] = {}
    for pause in pauses:
        clock.now += pause
        if not window.take("a").exceeded:
            period = int(clock.now // 60)
            taken[period] = taken.get(period, 0) + 1
    assert max(taken.values(), default=0) <= limit


def test_memory_is_bounded():
    window = MemoryWindow(Rate(1, 60), Clock())
    for number in range(MAX_VISITORS + 10):
        window.take(str(number))
    assert len(window._counts) == MAX_VISITORS


def test_an_ipv6_host_is_one_visitor():
    assert (
        visitor_key("2001:db8::1")
        == visitor_key("2001:db8::ffff")
        != visitor_key("2001:db8:0:1::1")
    )
    assert visitor_key("192.0.2.1") != visitor_key("192.0.2.2")
    assert visitor_key("::ffff:192.0.2.1") == "192.0.2.1"
    assert visitor_key("no address") == "no address"
