"""Transactions of PostgreSQL begin with their first statement, and are the same otherwise."""

from __future__ import annotations

import peewee
import psycopg2
import pytest

from changemaker_core.db import Database, DatabaseUnavailable, Model

pytestmark = pytest.mark.postgresql


class Item(Model):
    name = peewee.TextField(unique=True)

    class Meta:
        table_name = "test_begin_item"


@pytest.fixture
def database(postgresql_url):
    opened = Database.open(postgresql_url)
    opened.sync.write(lambda tx: tx.database.create_tables([Item]))
    yield opened
    opened.close()


@pytest.fixture
def names(database):
    return lambda: database.sync.read(lambda: sorted(item.name for item in Item.select()))


def status(tx):
    return tx.database.raw().get_transaction_status()


def test_a_transaction_begins_with_its_first_statement(database, names):
    def work(tx):
        before = status(tx)
        Item.insert(name="a").execute()
        Item.insert(name="b").execute()
        return before, status(tx)

    assert database.sync.write(work) == (0, 2)  # idle, in a transaction
    assert names() == ["a", "b"]


@pytest.mark.parametrize(
    "door",
    [
        lambda tx: tx.database.cursor(),
        lambda tx: tx.database.connection(),
        lambda tx: tx.savepoint().__enter__(),
    ],
)
def test_every_door_is_within_it(database, names, door):
    def work(tx):
        door(tx)
        assert status(tx) == 2
        tx.database.connection().cursor().execute("INSERT INTO test_begin_item (name) VALUES ('a')")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.sync.write(work)
    assert names() == []


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO nowhere VALUES (1)",  # refused when it is run
        "INSERT INTO INTO",  # refused as a text, before anything is run
        "SELECT 1 / 0",
        "SELECT %s",  # refused by the driver
    ],
)
def test_after_a_refused_first_statement_nothing_is_written_by_itself(database, names, sql):
    def work(tx):
        try:
            tx.database.execute_sql(sql, (object(),) if "%" in sql else None)
        except (peewee.PeeweeException, psycopg2.Error):
            pass
        assert status(tx) in (2, 3)  # in a transaction, or in one that failed
        Item.insert(name="a").execute()
        raise ZeroDivisionError

    with pytest.raises((peewee.InternalError, ZeroDivisionError)):
        database.sync.write(work)
    assert names() == []


def test_a_dead_connection_is_replaced_before_anything_was_done(database, names):
    def work(tx):
        with tx.savepoint():
            Item.insert(name="a").execute()
        return Item.insert(name="b").execute()

    def whose(tx):
        return tx.database.execute_sql("SELECT pg_backend_pid()").fetchone()[0]

    pid = database.sync.write(whose)
    with psycopg2.connect(database.engine._url) as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", (pid,))
    other.close()
    assert database.sync.write(work) == 2
    assert names() == ["a", "b"]


def test_a_server_that_is_not_there_is_told_of():
    database = Database.open("postgresql://postgres@127.0.0.1:1/nowhere")
    with pytest.raises(DatabaseUnavailable):
        database.sync.write(lambda tx: tx.database.execute_sql("SELECT 1"))
    database.close()
