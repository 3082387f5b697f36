"""Streams of rows, and locks by name."""

from __future__ import annotations

import asyncio
import threading

import msgspec
import peewee
import pytest

from changemaker_core.db import (
    Database,
    DatabaseUnavailable,
    Model,
    NestedUnitOfWork,
    Query,
    UUIDField,
    compiled,
    new_id,
    read_tags,
)
from changemaker_core.db.reads import streams

ROWS = 1200


class Member(Model):
    id = UUIDField(primary_key=True, default=new_id)
    number = peewee.IntegerField()

    class Meta:
        table_name = "streamtest_member"


class MemberRow(msgspec.Struct):
    id: str
    number: int


@compiled(MemberRow)
def members(least: int = 0) -> Query:
    return (
        Member.select(Member.id, Member.number)
        .where(Member.number >= least)
        .order_by(Member.number)
    )


@pytest.fixture
def members_stored(database, make_tables):
    make_tables(Member)
    rows = [(number,) for number in range(ROWS)]
    database.sync.write(lambda tx: tx.insert_rows(Member, ["number"], rows))
    return database


async def test_all_rows_in_parts(members_stored):
    found = [row async for row in members_stored.stream(members(least=7))]
    assert found == await members_stored.all(members(least=7))
    assert len(found) == ROWS - 7
    in_a_job = await asyncio.to_thread(lambda: list(members_stored.sync.stream(members(least=7))))
    assert in_a_job == found


async def test_the_rows_are_those_of_one_moment(members_stored):
    stream = members_stored.stream(members())
    first = await anext(stream)
    await members_stored.write(lambda tx: Member.delete().execute())
    assert [first.number, *[row.number async for row in stream]] == list(range(ROWS))
    assert [row async for row in members_stored.stream(members())] == []


async def test_other_tasks_run_and_writes_go_on_meanwhile(members_stored):
    async for row in members_stored.stream(members()):
        if row.number % 400 == 0:
            await members_stored.write(lambda tx: Member.create(number=-1))
    assert await members_stored.count(members(least=-1)) == ROWS + 3


async def test_there_are_not_too_many_and_each_that_ends_makes_room(members_stored):
    open_ = [members_stored.stream(members()) for _ in range(streams.STREAMS)]
    for stream in open_:
        await anext(stream)
    with pytest.raises(DatabaseUnavailable, match="exports are running"):
        await anext(members_stored.stream(members()))
    await open_[0].aclose()
    assert len([row async for row in members_stored.stream(members())]) == ROWS
    for stream in open_:
        await stream.aclose()


async def test_a_stream_that_nobody_reads_lets_the_snapshot_go(members_stored, monkeypatch):
    monkeypatch.setattr(streams, "SECONDS", 0.3)
    stream = members_stored.stream(members())
    await anext(stream)
    closed = threading.Event()
    reading = _reading_of(stream)
    original = reading._source.close
    reading._source.close = lambda: [original(), closed.set()]
    assert await asyncio.to_thread(closed.wait, 10)
    with pytest.raises(DatabaseUnavailable, match="longer than"):
        async for _ in stream:
            pass


def _reading_of(stream):
    return stream.ag_frame.f_locals["rows"].ag_frame.f_locals["reading"]


async def test_a_statement_that_takes_too_long_ends(members_stored, monkeypatch):
    monkeypatch.setattr(streams, "SECONDS", 0.3)

    @compiled(int)
    def pairs() -> Query:
        other, third = Member.alias(), Member.alias()
        return (
            Member.select(peewee.fn.COUNT(Member.id).alias("count"))
            .join(other, peewee.JOIN.CROSS)
            .join(third, peewee.JOIN.CROSS)
        )

    async with asyncio.timeout(20):
        with pytest.raises(DatabaseUnavailable, match="took too long"):
            async for _ in members_stored.stream(pairs()):
                pass


async def test_it_reads_its_tables_for_the_cache(members_stored):
    tags: set[str] = set()
    token = read_tags.set(tags)
    try:
        async for _ in members_stored.stream(members()):
            break
    finally:
        read_tags.reset(token)
    assert "streamtest_member" in tags


async def test_inside_of_a_unit_of_work_it_is_refused(members_stored):
    with pytest.raises(NestedUnitOfWork):
        await members_stored.read(lambda: list(members_stored.sync.stream(members())))


async def test_a_database_that_is_away_is_unavailable():
    database = Database.open("postgresql://postgres@127.0.0.1:1/nowhere")
    with pytest.raises(DatabaseUnavailable):
        await anext(database.stream(members()))
    await asyncio.to_thread(database.close)


# Locks


async def test_of_two_transactions_with_a_lock_one_waits_for_the_other(members_stored):
    """Each counts and then writes; without the lock both would find room."""

    def sign_up(tx):
        tx.lock("streamtest.room")
        if Member.select().where(Member.number < 0).count() == 0:
            Member.create(number=-1)

    await asyncio.gather(*[members_stored.write(sign_up) for _ in range(8)])
    assert await members_stored.count(members(least=-1)) == ROWS + 1


async def test_locks_of_other_names_do_not_wait(members_stored):
    entered, gate = threading.Event(), threading.Event()

    def hold(tx):
        tx.lock("streamtest.one")
        entered.set()
        gate.wait(10)

    holding = asyncio.ensure_future(members_stored.write(hold))
    await asyncio.to_thread(entered.wait, 10)
    if members_stored.dialect == "postgresql":  # SQLite has one writer
        async with asyncio.timeout(5):
            await members_stored.write(lambda tx: tx.lock("streamtest.other"))
    gate.set()
    await holding
