"""What goes into the outbox, and when."""

from __future__ import annotations

import enum
import json
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core.identity.actor import Actor, current_actor
from changemaker_core.jobs import Executor, JobRun, PayloadRefused, UnknownJob
from changemaker_core.jobs.declarations import Job, Subscription
from changemaker_core.jobs.payload import MAX_BYTES, decode, encode

if TYPE_CHECKING:
    from changemaker_core.db import Tx

Fixture = Any

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


def nothing(run: JobRun, **payload: object) -> None:
    """A job that does nothing."""


@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_payloads_decode_to_what_was_encoded(payload: dict[str, Any]) -> None:
    assert decode(encode(payload)) == payload


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("payload", "part"),
    [
        ({"at": datetime(2026, 5, 1)}, "payload.at is of type datetime"),
        ({"people": [{"id": 1}, {"id": b"x"}]}, "payload.people[1].id is of type bytes"),
        ({"names": {"a"}}, "payload.names is of type set"),
        ({"colour": Colour.RED}, "payload.colour is of type Colour"),
        ({"counts": {1: 2}}, "payload.counts has the key 1"),
        ({"ratio": float("nan")}, "payload.ratio is nan"),
        ({"text": "x" * MAX_BYTES}, "are allowed"),
    ],
)
def test_a_payload_that_is_not_json_is_rejected_by_part(payload: dict[str, Any], part: str) -> None:
    with pytest.raises(PayloadRefused) as refused:
        encode(payload)
    assert part in str(refused.value)


def test_a_job_belongs_to_its_transaction(make_site: Fixture, rows: Fixture) -> None:
    site = make_site(Job("test.job", nothing))

    def fail(tx: Tx) -> None:
        tx.enqueue("test.job", {})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        site.db.sync.write(fail)
    assert rows(site) == []


def test_an_unknown_job_is_rejected(make_site: Fixture, put: Fixture) -> None:
    site = make_site(Job("test.send", nothing))
    with pytest.raises(UnknownJob, match=r"Did you mean 'test\.send'"):
        put(site, "test.sent")
    with pytest.raises(UnknownJob):
        site.db.sync.write(lambda tx: tx.enqueue(Job("other.job", nothing), {}))


def send(run: JobRun, letter_id: str, *, again: bool = False) -> None:
    """A job with parameters."""


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ({"leter_id": "1"}, r"has no parameter 'leter_id'\. Did you mean 'letter_id'\?"),
        ({"letter_id": "1", "x": 1}, r"has no parameter 'x'\. It has 'again', 'letter_id'\."),
        ({"again": True}, "the payload of the job 'test.send' lacks 'letter_id'"),
    ],
)
@pytest.mark.database("sqlite")
def test_a_payload_that_the_function_does_not_take_is_rejected(
    make_site: Fixture, put: Fixture, rows: Fixture, payload: dict[str, Any], problem: str
) -> None:
    site = make_site(Job("test.send", send))
    with pytest.raises(PayloadRefused, match=problem):
        put(site, "test.send", **payload)
    assert rows(site) == []
    put(site, "test.send", letter_id="1")
    assert len(rows(site)) == 1


def test_a_key_is_unique_among_unfinished_jobs(
    make_site: Fixture, put: Fixture, rows: Fixture
) -> None:
    site = make_site(Job("test.job", nothing))
    first = put(site, "test.job", key="sync")
    assert put(site, "test.job", key="sync") == first
    assert put(site, "test.job", key="other") != first
    Executor(site).run_due()
    again = put(site, "test.job", key="sync")
    assert again != first
    assert len(rows(site)) == 3


def test_a_key_is_inserted_once_by_many_writers(
    make_site: Fixture, put: Fixture, rows: Fixture
) -> None:
    site = make_site(Job("test.job", nothing))
    ids: set[str] = set()

    def enqueue() -> None:
        for _ in range(10):
            ids.add(put(site, "test.job", key="sync"))

    threads = [threading.Thread(target=enqueue) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (row,) = rows(site)
    assert row.id in ids


def test_the_actor_who_enqueued_is_stored(make_site: Fixture, put: Fixture, rows: Fixture) -> None:

    site = make_site(Job("test.job", nothing))
    token = current_actor.set(Actor("user", "42", "Zoë", frozenset()))
    try:
        put(site, "test.job")
    finally:
        current_actor.reset(token)
    put(site, "test.job")
    assert [row.actor for row in rows(site)] == ["user:42", None]


received: list[str] = []


def receive_first(run: JobRun, email_id: str) -> None:
    received.append(f"first {email_id}")


def receive_second(run: JobRun, email_id: str) -> None:
    if run.attempt == 1:
        raise ConnectionError
    received.append(f"second {email_id}")


def test_an_event_is_a_job_for_each_subscriber(
    make_site: Fixture, rows: Fixture, clock: Fixture
) -> None:
    received.clear()
    subscriptions = [
        Subscription("mail.sent", receive_first),
        Subscription("mail.sent", receive_second),
        Subscription("mail.lost", nothing),
    ]
    site = make_site(subscriptions=subscriptions)
    site.db.sync.write(lambda tx: tx.emit("mail.sent", {"email_id": "1"}))
    assert [json.loads(row.payload) for row in rows(site)] == [{"email_id": "1"}] * 2
    Executor(site).run_due()
    assert received == ["first 1"]
    clock.forward(minutes=1)
    Executor(site).run_due()
    assert received == ["first 1", "second 1"]


def test_an_event_without_subscribers(make_site: Fixture, rows: Fixture) -> None:
    site = make_site()
    site.db.sync.write(lambda tx: tx.emit("mail.sent", {"email_id": "1"}))
    assert rows(site) == []
