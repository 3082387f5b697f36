"""Columns and identifiers."""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime, timedelta, timezone

import peewee
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from changemaker_core.db import (
    InvalidId,
    JSONField,
    Model,
    MomentOutOfRange,
    NaiveDatetime,
    UtcField,
    UUIDField,
    check_models,
    new_id,
)


class EveryField(Model):
    id = UUIDField(primary_key=True, default=new_id)
    at = UtcField(null=True)
    data = JSONField(default=dict)

    class Meta:
        table_name = "test_every"


@pytest.fixture
def store(database, make_tables):
    make_tables(EveryField)

    def store_(**values):
        identifier = database.sync.write(lambda tx: EveryField.create(**values).id)
        return database.sync.read(lambda: EveryField.get_by_id(identifier))

    return store_


def test_moments_keep_their_microsecond_and_become_utc(store):
    east = timezone(timedelta(hours=5, minutes=30))
    moment = datetime(2026, 2, 3, 4, 5, 6, 7, tzinfo=east)
    stored = store(at=moment)
    assert stored.at == moment
    assert stored.at.tzinfo is UTC
    assert store().at is None
    with pytest.raises(NaiveDatetime):
        store(at=datetime(2026, 1, 1))
    for last, hours in ((datetime.max, -1), (datetime.min, 1)):
        with pytest.raises(MomentOutOfRange):
            store(at=last.replace(tzinfo=timezone(timedelta(hours=hours))))


@given(st.datetimes(timezones=st.just(UTC)))
@example(datetime.min.replace(tzinfo=UTC))
@example(datetime.max.replace(tzinfo=UTC))
def test_moments_are_written_as_text_that_sorts_as_they_do(moment):
    assert UtcField.db_value(moment) == moment.isoformat("T", "microseconds")


@pytest.mark.parametrize("data", [{}, [], {"a": [1, None, True, "é"]}, "text", 3, True])
def test_json_comes_back_as_it_was(store, data):
    assert store(data=data).data == data


def test_json_paths(database, store):
    store(data={"a": {"b": "x"}})
    store(data={"a": {"b": "y"}})
    found = database.sync.read(
        lambda: [row.data for row in EveryField.select().where(EveryField.data["a"]["b"] == "y")]
    )
    assert found == [{"a": {"b": "y"}}]


@pytest.mark.parametrize("spell", [str, lambda u: u, lambda u: u.hex, lambda u: str(u).upper()])
def test_ids_are_canonical_text_however_they_are_spelt(database, store, spell):
    identifier = uuid.UUID(new_id())
    assert store(id=identifier).id == str(identifier)
    found = database.sync.read(lambda: EveryField.get(EveryField.id == spell(identifier)).id)
    assert found == str(identifier)


def test_what_is_no_id_is_refused(database, store):
    with pytest.raises(InvalidId, match="nonsense"):
        database.sync.read(lambda: EveryField.get_or_none(EveryField.id == "nonsense"))


def test_new_ids_are_version_7_and_grow():
    before = datetime.now(UTC)
    ids = [new_id() for _ in range(20_000)]
    assert ids == sorted(set(ids))
    parsed = uuid.UUID(ids[0])
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    made = datetime.fromtimestamp((parsed.int >> 80) / 1000, UTC)
    assert abs(made - before) < timedelta(seconds=5)


def test_new_ids_of_many_threads_are_distinct_and_grow_in_each():
    made: list[list[str]] = []

    def make():
        made.append([new_id() for _ in range(3_000)])

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(ids == sorted(ids) for ids in made)
    assert len({identifier for ids in made for identifier in ids}) == 12_000


def test_models_that_mean_different_things_are_refused():
    class Wrong(Model):
        at = peewee.DateTimeField()
        key = peewee.UUIDField()
        data = peewee.JSONField()
        when = peewee.TimestampField()

        class Meta:
            table_name = "test_wrong"

    class Foreign(peewee.Model):
        name = peewee.TextField()

    problems = check_models([EveryField, Wrong, Foreign])
    assert len(problems) == 5
    assert any("Wrong.at" in problem and "UtcField" in problem for problem in problems)
    assert any("Foreign must derive" in problem for problem in problems)
    assert check_models([EveryField]) == []
