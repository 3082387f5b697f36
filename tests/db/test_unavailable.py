"""A database that cannot be used now is unavailable; an error of the code stays one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import peewee
import psycopg2
import pytest

from changemaker_core.db import (
    Database,
    DatabaseRefused,
    DatabaseUnavailable,
    Model,
    Query,
    compiled,
    migrations,
)
from changemaker_core.db.checks import check_database
from changemaker_core.db.postgresql import addresses
from changemaker_core.db.postgresql import engine as postgresql_engine
from changemaker_core.db.sqlite import engine as sqlite_engine
from changemaker_core.db.sqlite import lock


class Entry(Model):
    body = peewee.TextField(default="")

    class Meta:
        table_name = "test_entry"


@compiled(str)
def bodies() -> Query:
    return Entry.select(Entry.body)


@pytest.fixture
def entries(database, make_tables):
    make_tables(Entry)
    return database


def create(tx):
    return Entry.create().id


async def test_a_write_inside_of_a_read_is_an_error_of_the_code(entries):
    with pytest.raises(peewee.PeeweeException) as caught:
        await entries.read(lambda: Entry.create())
    assert not isinstance(caught.value, DatabaseUnavailable)


# SQLite


@pytest.fixture
def sqlite(sqlite_url):
    database = Database.open(sqlite_url)
    database.sync.write(lambda tx: tx.database.create_tables([Entry]))
    yield database
    database.close()


def test_a_full_disk_is_unavailable_and_later_is_not(sqlite_url, run_program):
    """A real process, whose files may not grow: the kernel refuses the write."""
    process = run_program("fill_disk.py", sqlite_url, 2_000_000)
    lines = process.communicate(timeout=120)[0].splitlines()
    assert [line.split()[0] for line in lines] == ["written", "unavailable", "written", "3"]


async def test_a_process_that_hangs_with_the_turn_to_write_holds_nobody_up(
    sqlite, run_program, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(lock, "BUSY_SECONDS", 0.3)
    process = run_program("hold_lock.py", tmp_path / "site.db.lock")
    assert process.stdout.readline() == "held\n"
    process.send_signal(signal.SIGSTOP)
    for _ in range(2):  # those that wait as well as those that come later
        writes = [sqlite.write(create) for _ in range(3)]
        writes.append(asyncio.to_thread(sqlite.sync.write, create))
        async with asyncio.timeout(60):
            results = await asyncio.gather(*writes, return_exceptions=True)
        assert {type(result) for result in results} == {DatabaseUnavailable}
    assert "another process keeps the turn to write" in caplog.text
    process.kill()
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(DatabaseUnavailable):
                await sqlite.write(create)
                break
    assert await sqlite.read(lambda: Entry.select().count()) == 1


def test_a_process_that_migrates_says_who_holds_it_up(
    sqlite_url, run_program, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(lock, "BUSY_SECONDS", 0.1)
    monkeypatch.setattr(sqlite_engine, "EXCLUSIVE_SECONDS", 0.3)
    database = Database.open(sqlite_url)
    migrations.apply(database, [migrations.CORE])
    process = run_program("hold_lock.py", tmp_path / "site.db.lock")
    assert process.stdout.readline() == "held\n"
    with pytest.raises(
        DatabaseUnavailable, match=rf"locked by process {process.pid} \(\w+"
    ) as late:
        migrations.apply(database, [migrations.CORE])
    assert str(tmp_path / "site.db.lock") in str(late.value)
    assert f"waiting for process {process.pid}" in caplog.text
    with pytest.raises(DatabaseUnavailable, match="locked by process"):  # a process that starts
        monkeypatch.setattr(sqlite_engine, "BUSY_SECONDS", 0.1)
        migrations.state(Database.open(sqlite_url), [])
    process.kill()
    process.wait()
    assert migrations.apply(database, [migrations.CORE]) == []
    database.close()


def _png(path):
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(4000))


def _cut_off(path):
    database = Database.open(f"sqlite:///{path}")
    migrations.apply(database, [migrations.CORE])
    database.close()
    path.write_bytes(path.read_bytes()[:10_000])


def _of_another_program(path, mode="DELETE"):
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA journal_mode = {mode}")
        other.execute("CREATE TABLE moz_places (url TEXT)")
        other.commit()


def _of_another_program_with_a_log(path):
    _of_another_program(path, "WAL")


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (_png, DatabaseUnavailable, "not a database. Correct database_url, or restore a backup."),
        (_cut_off, DatabaseUnavailable, "malformed"),
        (_of_another_program, DatabaseRefused, "database of another program: .* moz_places"),
        (_of_another_program_with_a_log, DatabaseRefused, "of another program"),
    ],
)
def test_a_file_that_is_no_sites_is_left_as_it_is(tmp_path, make, error, says):
    path = tmp_path / "site.db"
    make(path)
    before = path.read_bytes()
    for use in (migrations.state, migrations.apply):
        database = Database.open(f"sqlite:///{path}")
        with pytest.raises(error, match=says):
            use(database, [migrations.CORE])
        assert [finding.status for finding in _doctor(database, path)] == ["error"]
        database.close()
    assert path.read_bytes() == before


def test_a_new_file_that_is_backed_up_already_is_a_sites(tmp_path):
    path = tmp_path / "site.db"
    with contextlib.closing(sqlite3.connect(path)) as backup:
        backup.execute("CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY AUTOINCREMENT)")
    database = Database.open(f"sqlite:///{path}")
    assert migrations.apply(database, [migrations.CORE])
    database.close()


def _doctor(database, path):
    config = SimpleNamespace(database_url=f"sqlite:///{path}", site_dir=path.parent)
    return list(check_database(SimpleNamespace(db=database, config=config)))


def test_doctor_finds_a_page_that_is_damaged(sqlite_url, tmp_path):
    path = tmp_path / "site.db"
    sound = Database.open(sqlite_url)
    migrations.apply(sound, [migrations.CORE])
    assert [finding.status for finding in _doctor(sound, path)] == ["ok"]
    sound.close()
    with path.open("r+b") as file:
        file.seek(-4096, os.SEEK_END)
        file.write(b"\xff" * 4096)
    database = Database.open(f"sqlite:///{path}")
    (finding,) = _doctor(database, path)
    assert (finding.status, finding.fix) == ("error", "Restore a backup.")
    assert "damaged" in finding.detail
    database.close()


async def test_a_program_that_keeps_the_file_locked_is_waited_for_and_reported(sqlite, tmp_path):
    """Another program, which does not know of our turns."""
    await sqlite.write(lambda tx: tx.database.execute_sql("PRAGMA busy_timeout = 100").fetchall())
    with contextlib.closing(sqlite3.connect(tmp_path / "site.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseUnavailable, match="locked"):
            await sqlite.write(create)
        other.rollback()
    await sqlite.write(create)


async def test_a_file_that_may_not_be_written_is_unavailable(sqlite):
    await sqlite.write(lambda tx: tx.database.execute_sql("PRAGMA query_only = 1").fetchall())
    with pytest.raises(DatabaseUnavailable, match="readonly"):
        await sqlite.write(create)


async def test_a_file_that_cannot_be_opened_is_unavailable(tmp_path):
    database = Database.open(f"sqlite:///{tmp_path}/nowhere/site.db")
    for use in (database.write(create), database.read(Entry.create), database.all(bodies())):
        with pytest.raises(DatabaseUnavailable):
            await use
    await asyncio.to_thread(database.close)


# PostgreSQL


@pytest.mark.postgresql
async def test_a_lock_that_another_keeps_is_waited_for_so_long(postgresql_url, monkeypatch):
    monkeypatch.setattr(addresses, "LOCK_MILLISECONDS", 200)
    database = Database.open(postgresql_url)
    await database.write(lambda tx: tx.database.create_tables([Entry]))
    with contextlib.closing(psycopg2.connect(postgresql_url)) as other:
        other.cursor().execute("LOCK test_entry IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DatabaseUnavailable, match="lock timeout"):
            await database.write(create)
    await database.write(create)
    await asyncio.to_thread(database.close)


@pytest.mark.postgresql
@pytest.mark.parametrize("code", ["53100", "53200", "40P01", "58030", "25006"])
async def test_what_the_server_cannot_do_now_is_unavailable(postgresql_url, code):
    database = Database.open(postgresql_url)

    def fail(tx):
        tx.database.execute_sql(f"DO $$BEGIN RAISE 'no' USING ERRCODE = '{code}'; END$$")

    with pytest.raises(DatabaseUnavailable, match="no"):
        await database.write(fail)
    await asyncio.to_thread(database.close)


@pytest.mark.postgresql
@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_store_all_names_is_refused(postgres_cluster, encoding):
    url = postgres_cluster.create_database(f"ENCODING '{encoding}' TEMPLATE template0")
    database = Database.open(url)
    for use in (migrations.state, migrations.apply):
        with pytest.raises(DatabaseRefused, match=f"{encoding}.*\n.*createdb --encoding=UTF8"):
            use(database, [migrations.CORE])
    database.close()
    postgres_cluster.drop(url)


@pytest.mark.postgresql
def test_a_migration_that_goes_on_elsewhere_is_named(postgresql_url, monkeypatch):
    monkeypatch.setattr(postgresql_engine, "EXCLUSIVE_SECONDS", 0.3)
    database = Database.open(postgresql_url)
    connections = [
        psycopg2.connect(postgresql_url, dbname="postgres", application_name="of another site"),
        psycopg2.connect(postgresql_url, application_name="night"),
    ]
    with contextlib.ExitStack() as stack:
        for other in connections:
            stack.enter_context(contextlib.closing(other))
            lock = "SELECT pg_advisory_lock(%s)", (postgresql_engine.MIGRATION_LOCK,)
            other.cursor().execute(*lock)
        with pytest.raises(DatabaseUnavailable, match=r"process \d+ \(night, from .*is migrating"):
            migrations.apply(database, [migrations.CORE])
    assert migrations.apply(database, [migrations.CORE])
    database.close()


@pytest.mark.postgresql
def test_a_migration_whose_connection_is_lost_while_it_waits_says_so(postgresql_url):
    database = Database.open(postgresql_url)
    end_waiting = """
SELECT pg_terminate_backend(pid) FROM pg_locks
WHERE locktype = 'advisory' AND objid = %s AND NOT granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
    lock_number = (postgresql_engine.MIGRATION_LOCK,)
    with (
        ThreadPoolExecutor(1) as thread,
        contextlib.closing(psycopg2.connect(postgresql_url)) as other,
        other.cursor() as cursor,
    ):
        cursor.execute("SELECT pg_advisory_lock(%s)", lock_number)
        applied = thread.submit(migrations.apply, database, [migrations.CORE])
        while True:
            cursor.execute(end_waiting, lock_number)
            if cursor.fetchone() or applied.done():
                break
        with pytest.raises(DatabaseUnavailable, match=r"terminating|closed the connection"):
            applied.result(30)
    database.close()
