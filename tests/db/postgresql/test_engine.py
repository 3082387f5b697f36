"""What only PostgreSQL does: connections that die, and identifiers as text."""

from __future__ import annotations

import asyncio
import contextlib

import peewee
import psycopg2
import pytest

from changemaker_core.db import Database, Model, UUIDField, migrations, new_id, tables_of

pytestmark = pytest.mark.postgresql


class Item(Model):
    id = UUIDField(primary_key=True, default=new_id)

    class Meta:
        table_name = "test_item"


@pytest.fixture
def postgres(postgresql_url):
    database = Database.open(postgresql_url)
    migrations.apply(database, [migrations.CORE])
    database.sync.write(lambda tx: tx.database.create_tables([Item]))
    yield database
    database.close()


@pytest.fixture
def kill(postgresql_url):
    """End the server's side of all other connections to the database."""

    def kill_():
        with contextlib.closing(psycopg2.connect(postgresql_url)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            return len(cursor.fetchall())

    return kill_


def test_connections_that_died_while_idle_are_replaced(postgres, kill):
    assert kill() >= 1
    assert postgres.sync.read(lambda: Item.select().count()) == 0
    kill()
    postgres.sync.write(lambda tx: Item.create().id)
    assert postgres.sync.read(lambda: Item.select().count()) == 1


def test_a_read_whose_connection_dies_is_done_again(postgres, kill):
    calls = []

    def read():
        calls.append(1)
        if len(calls) == 1:
            kill()
        return Item.select().count()

    assert postgres.sync.read(read) == 0
    assert len(calls) == 2


def test_a_write_whose_connection_dies_is_not_done_again(postgres, kill):
    calls = []

    def write(tx):
        calls.append(1)
        Item.create()
        kill()
        Item.create()

    with pytest.raises(peewee.PeeweeException):
        postgres.sync.write(write)
    assert len(calls) == 1
    assert postgres.sync.read(lambda: Item.select().count()) == 0
    postgres.sync.write(lambda tx: Item.create().id)
    assert postgres.sync.read(lambda: Item.select().count()) == 1


async def test_a_lost_listener_flushes_and_listens_again(postgres, postgresql_url, kill):
    told: list[frozenset[str] | None] = []
    await postgres.changes.start()
    postgres.changes.subscribe(told.append)
    kill()
    async with asyncio.timeout(60):
        while None not in told:
            await asyncio.sleep(0.01)
        while postgres.engine.listener.is_cut_off:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    told.clear()
    other = Database.open(postgresql_url)
    await asyncio.to_thread(other.sync.write, lambda tx: Item.create().id)
    async with asyncio.timeout(5):
        while {"test_item"} not in map(tables_of, filter(None, told)):
            await asyncio.sleep(0.01)
    other.close()
    await postgres.changes.stop()


async def test_its_own_notifications_are_no_news(postgres):
    told: list[frozenset[str] | None] = []
    await postgres.changes.start()
    await asyncio.sleep(0.05)
    postgres.changes.subscribe(told.append)
    await postgres.write(lambda tx: Item.create().id)
    await asyncio.sleep(0.1)
    assert [*map(tables_of, told)] == [{"test_item"}]
    await postgres.changes.stop()


def test_ids_and_times_come_as_text_and_in_utc(postgres):
    answer = postgres.sync.read(
        lambda: Item._meta.database.execute_sql(
            "SELECT '01890a5d-ac96-774b-bcce-b302099a8057'::uuid,"
            " ARRAY['01890a5d-ac96-774b-bcce-b302099a8057'::uuid], current_setting('timezone')"
        ).fetchone()
    )
    identifier = "01890a5d-ac96-774b-bcce-b302099a8057"
    assert answer == (identifier, [identifier], "UTC")


def test_a_server_that_is_not_there_is_an_error_for_each_caller():
    database = Database.open("postgresql://postgres@127.0.0.1:1/nowhere")
    for _ in range(2):
        with pytest.raises(peewee.OperationalError):
            database.sync.read(int)
    database.close()


def test_no_more_connections_than_threads(postgres):
    async def many():
        await asyncio.gather(*[postgres.read(lambda: Item.select().count()) for _ in range(100)])

    asyncio.run(many())
    connections = postgres.sync.read(
        lambda: Item._meta.database.execute_sql(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        ).fetchone()[0]
    )
    assert connections <= 8
