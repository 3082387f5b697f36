"""Writes: each for itself, acknowledged after the commit, cancelled cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from datetime import UTC, datetime

import peewee
import pytest

from changemaker_core.db import Database, Model, Tx
from changemaker_core.identity.actor import current_actor


class Entry(Model):
    name = peewee.CharField(unique=True)
    body = peewee.TextField(default="")

    class Meta:
        table_name = "test_entry"


@pytest.fixture
def entries(database, make_tables):
    make_tables(Entry)
    return lambda: database.sync.read(lambda: {entry.name for entry in Entry.select()})


def add(tx: Tx, name: str, body: str = "") -> str:
    Entry.create(name=name, body=body)
    return name


async def together(database: Database, *writes):
    """Have ``writes`` wait for the writer together, so that on SQLite they share one commit."""
    gate, entered = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hold(tx):
        loop.call_soon_threadsafe(entered.set)
        gate.wait(10)

    first = asyncio.ensure_future(database.write(hold))
    await entered.wait()
    rest = [asyncio.ensure_future(database.write(*write)) for write in writes]
    for _ in range(2):  # each asks in one turn of the loop, and all are handed on in the next
        await asyncio.sleep(0)
    gate.set()
    await first
    return await asyncio.gather(*rest, return_exceptions=True)


async def test_a_failing_write_rolls_back_only_itself(database, entries):
    def fail(tx):
        add(tx, "half")
        raise ValueError("no")

    results = await together(
        database, (add, "one"), (fail,), (add, "two"), (add, "one"), (add, "three")
    )
    assert results[0] == "one" and results[2] == "two" and results[4] == "three"
    assert isinstance(results[1], ValueError)
    assert isinstance(results[3], peewee.IntegrityError)
    assert entries() == {"one", "two", "three"}


async def test_waiting_writes_share_one_commit(sqlite_url, tmp_path):
    database = Database.open(sqlite_url)
    await database.write(lambda tx: tx.database.create_tables([Entry]))
    with contextlib.closing(sqlite3.connect(tmp_path / "site.db")) as watcher:
        count = lambda: watcher.execute("SELECT COUNT(*) FROM test_entry").fetchone()[0]  # noqa: E731
        seen = {count()}

        def look(tx):  # in the middle of the group: nothing of it is committed
            seen.add(count())

        writes = [(add, str(number)) for number in range(50)]
        await together(database, *writes[:25], (look,), *writes[25:], (look,))
        assert seen == {0}
        assert count() == 50
    database.close()


async def test_a_full_disk_is_the_error_of_the_write_that_was_too_large(sqlite_url):
    database = Database.open(sqlite_url)
    await database.write(lambda tx: tx.database.create_tables([Entry]))
    pages = await database.write(lambda tx: tx.database.execute_sql("PRAGMA page_count").fetchone())
    limit = f"PRAGMA max_page_count = {pages[0] + 30}"
    await database.write(lambda tx: tx.database.execute_sql(limit).fetchall())
    results = await together(
        database, (add, "before"), (add, "huge", "x" * 1_000_000), (add, "after")
    )
    assert results[0] == "before" and results[2] == "after"
    assert isinstance(results[1], peewee.OperationalError)
    assert "full" in str(results[1])
    names = await database.read(lambda: {entry.name for entry in Entry.select()})
    assert names == {"before", "after"}
    database.close()


async def test_a_commit_that_fails_is_the_error_of_the_write_at_fault(sqlite_url):
    database = Database.open(sqlite_url)
    await database.write(
        lambda tx: [
            tx.database.create_tables([Entry]),
            tx.database.execute_sql("CREATE TABLE test_parent (id INTEGER PRIMARY KEY)"),
            tx.database.execute_sql(
                "CREATE TABLE test_child (parent INTEGER REFERENCES test_parent"
                " DEFERRABLE INITIALLY DEFERRED)"
            ),
        ]
    )

    def orphan(tx):
        tx.database.execute_sql("INSERT INTO test_child VALUES (1)")

    results = await together(database, (add, "before"), (orphan,), (add, "after"))
    assert results[0] == "before" and results[2] == "after"
    assert isinstance(results[1], peewee.IntegrityError)
    names = await database.read(lambda: {entry.name for entry in Entry.select()})
    assert names == {"before", "after"}
    database.close()


async def test_a_cancelled_write_that_waits_is_not_begun(database, entries):
    gates = threading.Event()
    busy = [asyncio.ensure_future(database.write(lambda tx: gates.wait(10))) for _ in range(8)]
    await asyncio.sleep(0.1)
    waiting = asyncio.ensure_future(database.write(add, "never"))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gates.set()
    await asyncio.gather(*busy)
    await database.write(add, "later")
    assert entries() == {"later"}


async def test_a_cancelled_write_that_began_is_finished(database, entries):
    gate, begun = threading.Event(), threading.Event()

    def slow(tx):
        begun.set()
        gate.wait(10)
        return add(tx, "finished")

    task = asyncio.ensure_future(database.write(slow))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.set()
    await database.write(add, "next")
    while "finished" not in entries():  # PostgreSQL may commit it on another thread, later
        await asyncio.sleep(0.01)
    assert entries() == {"finished", "next"}


async def test_what_runs_in_a_transaction_is_no_coroutine(database, entries):
    async def wrong(tx):
        raise AssertionError("never run")

    with pytest.raises(TypeError, match="plain function"):
        await database.write(wrong)


async def test_a_caught_error_needs_a_savepoint(database, entries):
    def careless(tx):
        add(tx, "same")
        try:
            add(tx, "same")
        except peewee.IntegrityError:
            pass

    def careful(tx):
        add(tx, "same")
        try:
            with tx.savepoint():
                add(tx, "same")
        except peewee.IntegrityError:
            add(tx, "other")

    if database.dialect == "postgresql":
        with pytest.raises(peewee.InternalError, match="savepoint"):
            await database.write(careless)
        assert entries() == set()
    await database.write(careful)
    assert entries() == {"same", "other"}


def test_savepoints_within_savepoints_fail_alone(database, entries):
    def work(tx):
        with contextlib.suppress(ValueError), tx.savepoint():
            add(tx, "outer, undone")
            with contextlib.suppress(ValueError), tx.savepoint():
                add(tx, "inner, undone")
                raise ValueError
            raise ValueError
        with tx.savepoint():
            with contextlib.suppress(ValueError), tx.savepoint():
                add(tx, "inner, undone")
                raise ValueError
            with tx.savepoint():
                add(tx, "inner")
            add(tx, "outer")

    database.sync.write(work)
    assert entries() == {"inner", "outer"}


def test_tx_knows_the_time_and_the_actor(database_url):
    moment = datetime(2030, 5, 1, 12, tzinfo=UTC)
    database = Database.open(database_url, clock=lambda: moment)
    token = current_actor.set("ann")
    try:
        assert database.sync.write(lambda tx: (tx.now, tx.actor)) == (moment, "ann")
    finally:
        current_actor.reset(token)
    database.close()


def test_effects_need_somewhere_to_go(database):
    with pytest.raises(RuntimeError, match="without effects"):
        database.sync.write(lambda tx: tx.enqueue("test.job", {}))


def test_effects_are_given_the_transaction(database_url):
    class Recorder:
        def __init__(self):
            self.calls = []

        def enqueue(self, tx, job, payload, *, due_at=None, key=None, lane=None):
            self.calls.append((job, payload, due_at, key))
            return "job id"

        def emit(self, tx, event, payload):
            self.calls.append((event, payload))

    recorder = Recorder()
    database = Database.open(database_url, effects=recorder)

    def work(tx):
        tx.emit("test.happened", {"a": 1})
        return tx.enqueue("test.job", {"b": 2}, key="once")

    assert database.sync.write(work) == "job id"
    assert recorder.calls == [("test.happened", {"a": 1}), ("test.job", {"b": 2}, None, "once")]
    database.close()


def test_after_commit_is_called_only_after_a_commit(database, entries):
    calls = []

    def work(tx, fail):
        tx.after_commit(lambda: calls.append(fail))
        add(tx, f"fail {fail}")
        if fail:
            raise ValueError

    database.sync.write(work, False)
    with pytest.raises(ValueError):
        database.sync.write(work, True)
    assert calls == [False]


async def test_what_fails_after_a_commit_harms_no_other_write(database, entries, caplog):
    def work(tx, name):
        tx.after_commit(lambda: 1 / 0)
        return add(tx, name)

    assert await together(database, (work, "a"), (add, "b"), (work, "c")) == ["a", "b", "c"]
    assert database.sync.write(work, "d") == "d"
    assert entries() == {"a", "b", "c", "d"}
    assert caplog.text.count("after a commit failed") == 3


def test_close_finishes_what_was_begun_and_refuses_what_comes(database, entries, database_url):
    done = []
    threads = [
        threading.Thread(target=lambda n=n: done.append(database.sync.write(add, str(n))))
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    database.close()
    with pytest.raises(RuntimeError, match="closed"):
        database.sync.write(add, "too late")
    again = Database.open(database_url)
    assert again.sync.read(lambda: Entry.select().count()) == len(done) == 20
    again.close()


async def test_many_writers_at_once(database, entries):
    await asyncio.gather(*[database.write(add, str(number)) for number in range(200)])
    assert len(entries()) == 200
