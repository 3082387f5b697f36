"""Sliding windows: exact, for each who, on both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from changemaker_core.db import (
    Database,
    DistinctWindow,
    LimitReached,
    Pace,
    SlidingWindow,
    migrations,
)

HOUR = timedelta(hours=1)
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def limited(database_url, clock):
    database = Database.open(database_url, clock=clock, secret="a secret of the tests")
    migrations.apply(database, [migrations.CORE])
    yield database
    database.close()


def take(tx, window, who, count=1):
    window.take(tx, who, count)


def test_the_next_one_fits_when_the_first_has_left(limited, clock):
    window = SlidingWindow("test.sends", 3, HOUR)
    for minute in (0, 10, 20):
        clock.now = START + timedelta(minutes=minute)
        limited.sync.write(take, window, "ann@example.org")
    clock.now = START + timedelta(minutes=30)
    with pytest.raises(LimitReached) as caught:
        limited.sync.write(take, window, "ann@example.org")
    assert caught.value.retry_after == timedelta(minutes=30)
    limited.sync.write(take, window, "bob@example.org")
    with pytest.raises(LimitReached) as caught:
        limited.sync.write(take, window, "ann@example.org", 2)
    assert caught.value.retry_after == timedelta(minutes=40)
    clock.now = START + HOUR
    limited.sync.write(take, window, "ann@example.org")


def test_a_rolled_back_transaction_gives_back_what_it_took(limited):
    window = SlidingWindow("test.sends", 1, HOUR)

    def fail(tx):
        window.take(tx, "ann")
        raise ValueError

    with pytest.raises(ValueError):
        limited.sync.write(fail)
    limited.sync.write(take, window, "ann")
    with pytest.raises(LimitReached):
        limited.sync.write(take, window, "ann")


def test_more_than_the_limit_never_fits(limited):
    with pytest.raises(LimitReached) as caught:
        limited.sync.write(take, SlidingWindow("test.sends", 3, HOUR), "ann", 4)
    assert caught.value.retry_after == HOUR


def test_who_is_not_in_the_table_and_the_key_depends_on_the_secret(limited, database_url):
    limited.sync.write(take, SlidingWindow("test.sends", 3, HOUR), "ann@example.org")
    other = Database.open(database_url, secret="another secret")
    assert other.hash_who("test.sends", "ann") != limited.hash_who("test.sends", "ann")
    assert limited.hash_who("test.other", "ann") != limited.hash_who("test.sends", "ann")
    other.close()
    with limited.engine.shared() as raw:
        rows = raw.execute_sql("SELECT * FROM core_window").fetchall()
    assert len(rows) == 1
    assert "ann" not in str(rows)


async def test_it_is_exact_under_concurrency(limited, database_url, clock):
    window = SlidingWindow("test.sends", 20, HOUR)
    second = Database.open(database_url, clock=clock, secret="a secret of the tests")
    attempts = [
        database.write(take, window, "ann") for database in (limited, second) for _ in range(25)
    ]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    refused = [result for result in results if isinstance(result, LimitReached)]
    assert len(refused) == 30
    assert len(results) - len(refused) == 20
    second.close()


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 3)), max_size=15))
def test_no_period_holds_more_than_the_limit(tmp_path_factory, steps):
    clock = Clock()
    path = tmp_path_factory.mktemp("window") / "site.db"
    database = Database.open(f"sqlite:///{path}", clock=clock)
    migrations.apply(database, [migrations.CORE])
    window = SlidingWindow("test.rule", 5, HOUR)
    granted: list[tuple[datetime, int]] = []
    for minutes, count in steps:
        clock.now += timedelta(minutes=minutes)
        inside = sum(amount for at, amount in granted if at > clock.now - HOUR)
        try:
            database.sync.write(take, window, "ann", count)
        except LimitReached as reached:
            assert inside + count > 5
            at_last = clock.now + reached.retry_after
            left = sum(amount for at, amount in granted if at > at_last - HOUR)
            assert left + count <= 5
        else:
            assert inside + count <= 5
            granted.append((clock.now, count))
    database.close()


def test_members_count_once_until_a_period_after_they_last_came(limited, clock):
    window = DistinctWindow("test.people", 2, HOUR)

    def come(minute, who, member, **options):
        clock.now = START + timedelta(minutes=minute)
        limited.sync.write(window.take, who, member, **options)

    come(0, "wifi", "ann")
    come(10, "wifi", "bob")
    come(20, "wifi", "ann")
    with pytest.raises(LimitReached) as caught:
        come(30, "wifi", "cyd")
    assert caught.value.retry_after == timedelta(minutes=40)  # bob came at 10
    come(30, "elsewhere", "cyd")
    come(30, "wifi", "cyd", limit=3)
    with pytest.raises(LimitReached):
        come(75, "wifi", "dee")  # ann and cyd are there
    come(80, "wifi", "dee")


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    steps=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 4)), max_size=25),
    limit=st.integers(1, 4),
)
def test_no_period_has_more_members_than_the_limit(tmp_path_factory, steps, limit):
    clock = Clock()
    path = tmp_path_factory.mktemp("window") / "site.db"
    database = Database.open(f"sqlite:///{path}", clock=clock)
    migrations.apply(database, [migrations.CORE])
    window = DistinctWindow("test.people", limit, HOUR)
    last_seen: dict[int, datetime] = {}
    for minutes, member in steps:
        clock.now += timedelta(minutes=minutes)
        present = {each for each, at in last_seen.items() if at > clock.now - HOUR}
        allowed = member in present or len(present) < limit
        try:
            database.sync.write(window.take, "wifi", str(member))
        except LimitReached:
            assert not allowed
        else:
            assert allowed
            last_seen[member] = clock.now
    database.close()


def test_what_is_beyond_a_limit_is_given_one_time_after_another(limited, clock):
    pace = Pace("test.later", timedelta(minutes=10), longest=timedelta(minutes=30))

    def take(who="ann"):
        return (limited.sync.write(pace.take, who) - START).total_seconds() / 60

    assert [take(), take(), take("bob"), take()] == [10, 20, 10, 30]
    with pytest.raises(LimitReached) as caught:
        take()
    assert caught.value.retry_after == timedelta(minutes=10)
    assert (caught.value.limit, caught.value.period) == (3, timedelta(minutes=30))
    clock.now = START + timedelta(minutes=15)
    assert take() == 40
    clock.now = START + timedelta(hours=2)
    assert take() == 130
