"""Subscribers are notified of a process's own writes before they return."""

from __future__ import annotations

import asyncio
import logging
import threading

import peewee
import pytest

from changemaker_core.db import Database, Model


class Owner(Model):
    class Meta:
        table_name = "test_owner"


class Pet(Model):
    owner = peewee.ForeignKeyField(Owner, on_delete="CASCADE")

    class Meta:
        table_name = "test_pet"


@pytest.fixture
def notified(database, make_tables):
    make_tables(Owner, Pet)
    notified = []
    database.changes.subscribe(notified.append)
    return notified


async def test_a_write_notifies_before_it_returns(database, notified):
    await database.changes.start()
    notified.clear()
    await database.write(lambda tx: Owner.create().id)
    assert notified == [{"test_owner"}]
    await database.write(lambda tx: Owner.delete().execute())
    assert notified[1:] == [{"test_owner", "test_pet"}]
    await database.changes.stop()


async def test_a_unit_of_work_that_wrote_nothing_notifies_of_nothing(database, notified):
    await database.write(lambda tx: Owner.select().count())
    await database.read(lambda: list(Owner.select()))
    with pytest.raises(ValueError):
        await database.write(lambda tx: [Owner.create(), int("x")])
    assert notified == []


async def test_check_does_not_repeat_own_writes(database, notified):
    await database.changes.start()
    database.changes.check()
    notified.clear()
    for _ in range(5):
        await database.write(lambda tx: Owner.create().id)
        database.changes.check()
    assert notified == [{"test_owner"}] * 5
    await database.changes.stop()


async def test_subscribers_run_in_the_event_loop_for_writes_of_any_thread(database, notified):
    await database.changes.start()
    threads = []
    database.changes.subscribe(lambda tables: threads.append(threading.current_thread()))
    await asyncio.to_thread(database.sync.write, lambda tx: Owner.create().id)
    database.sync.write(lambda tx: Owner.create().id)
    await asyncio.sleep(0.01)
    assert len(threads) >= 2
    assert set(threads) == {threading.current_thread()}
    await database.changes.stop()


async def test_writes_through_the_drivers_connection_are_everything(database, notified):
    def raw(tx):
        Owner._meta.database.connection().cursor().execute("INSERT INTO test_owner DEFAULT VALUES")

    await database.write(raw)
    assert notified == [None]


async def test_unknown_statements_are_everything(database, notified):
    await database.write(lambda tx: tx.database.execute_sql("CREATE TABLE test_new (id INTEGER)"))
    assert notified == [None]


async def test_another_database_object_is_seen_by_check(sqlite_url, tmp_path):
    from changemaker_core.db import migrations

    first, second = Database.open(sqlite_url), Database.open(sqlite_url)
    migrations.apply(first, [migrations.CORE])
    await first.write(lambda tx: tx.database.create_tables([Owner, Pet]))
    notified = []
    await first.changes.start()
    first.changes.subscribe(notified.append)
    await second.write(lambda tx: Owner.create().id)
    first.changes.check()
    assert notified == [{"test_owner"}]
    # One of its own with another's in between: the other's must not be taken for its own.
    await second.write(lambda tx: Owner.create().id)
    await first.write(lambda tx: Owner.create().id)
    first.changes.check()
    assert notified == [{"test_owner"}] * 3
    await second.write(lambda tx: tx.database.execute_sql("CREATE TABLE test_x (id INTEGER)"))
    first.changes.check()
    assert notified[3:] == [None]
    first.close()
    second.close()


async def test_a_subscribers_fault_is_not_the_writers(database, notified, caplog):
    def broken(tables):
        raise ZeroDivisionError

    end = database.changes.subscribe(broken)
    with caplog.at_level(logging.ERROR):
        await database.write(lambda tx: Owner.create().id)
    assert "subscriber" in caplog.text
    end()
    caplog.clear()
    await database.write(lambda tx: Owner.create().id)
    assert caplog.text == ""
    assert notified == [{"test_owner"}] * 2
