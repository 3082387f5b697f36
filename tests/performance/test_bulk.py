"""Bulk inserts: their speed, beside the driver's own on SQLite, and that it stays.

The long form, which also prints rows a second: ``CHANGEMAKER_BULK_ROWS=500000``.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import threading
import time
from datetime import UTC, datetime, timedelta
from itertools import islice

import peewee
import pytest

from changemaker_core.db import Database, Model, UtcField

ROWS = int(os.environ.get("CHANGEMAKER_BULK_ROWS", "60000"))
CHUNKS = 10
START = datetime(2026, 1, 1, tzinfo=UTC)


class Address(Model):
    id = peewee.AutoField()
    street = peewee.TextField()
    number = peewee.IntegerField()
    town = peewee.CharField(index=True)
    postal_code = peewee.CharField()
    longitude = peewee.DoubleField()
    latitude = peewee.DoubleField()
    seen_at = UtcField()

    class Meta:
        table_name = "speedtest_address"


COLUMNS = ["id", "street", "number", "town", "postal_code", "longitude", "latitude", "seen_at"]
INSERT = (
    "INSERT INTO speedtest_address (id, street, number, town, postal_code, longitude, latitude,"
    " seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
RTREE = (
    "CREATE VIRTUAL TABLE speedtest_place USING rtree(id, west, east, south, north)",
    "CREATE TRIGGER speedtest_add AFTER INSERT ON speedtest_address BEGIN INSERT INTO"
    " speedtest_place VALUES (new.id, new.longitude, new.longitude, new.latitude, new.latitude);"
    " END",
)


def rows(count):
    for number in range(count):
        # All over the map, as the lines of a file are.
        x, y = number * 7919 % 10_007, number * 104_729 % 10_009
        yield (
            *(number + 1, f"{number} Main Street", number, f"Town {x % 300}", "K1A 0A1"),
            *(-75 + x / 10_007, 45 + y / 10_009, START + timedelta(seconds=number)),
        )


sqlite = pytest.mark.database("sqlite")


@pytest.fixture
def database(database_url):
    database = Database.open(database_url)
    database.sync.write(lambda tx: tx.database.create_tables([Address]))
    yield database
    database.close()


def insert_in_chunks(database, beside=lambda part: None):
    """Insert all rows; return the seconds of each chunk, each a transaction of its own.

    CPU seconds, except on PostgreSQL, which works in other processes.
    """
    clock = time.process_time if database.dialect == "sqlite" else time.perf_counter
    waiting, seconds = rows(ROWS), []
    for _ in range(CHUNKS):
        part = list(islice(waiting, ROWS // CHUNKS))
        beside(part)
        began = clock()
        count = database.sync.write(lambda tx, part=part: tx.insert_rows(Address, COLUMNS, part))
        seconds.append(clock() - began)
        assert count == len(part)
    return seconds


def as_stored(part):
    return [(*row[:7], row[7].isoformat("T", "microseconds")) for row in part]


@sqlite
def test_it_takes_little_more_than_the_drivers_own_way(database, tmp_path, record_property):
    """The driver is given values that need no conversion, on a file with the same settings."""
    own = sqlite3.connect(tmp_path / "own.db", isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        own.execute(f"PRAGMA {pragma}")
    for (statement,) in database.sync.read(
        lambda: Address.raw("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").tuples()[:]
    ):
        own.execute(statement)
    least = []

    def by_driver(part):
        values = as_stored(part)
        began = time.process_time()
        own.execute("BEGIN IMMEDIATE")
        own.executemany(INSERT, values)
        own.execute("COMMIT")
        least.append(time.process_time() - began)

    seconds = insert_in_chunks(database, by_driver)
    own.close()
    print(f"{ROWS / sum(seconds):,.0f} rows/s; the driver alone {ROWS / sum(least):,.0f}")
    assert sum(seconds) < 2 * sum(least)


def test_the_last_chunk_is_as_fast_as_the_first(database):
    seconds = insert_in_chunks(database)
    print(f"{database.dialect}: {ROWS / sum(seconds):,.0f} rows/s")
    assert min(seconds[-3:]) < 2 * statistics.median(seconds[:3])


def behind_another(database):
    """Have the writer busy for a moment: what is written meanwhile shares the next commit."""
    entered, gate = threading.Event(), threading.Event()

    def hold(tx):
        entered.set()
        gate.wait(10)

    threading.Thread(target=database.sync.write, args=(hold,)).start()
    entered.wait(10)
    threading.Timer(0.05, gate.set).start()


@sqlite
@pytest.mark.parametrize("in_company", [False, True], ids=["alone", "in company"])
def test_the_last_chunk_is_as_fast_as_the_first_where_a_trigger_feeds_an_index(
    database, in_company
):
    """Alone in its transaction, and behind another write, where it has a savepoint."""
    for statement in RTREE:
        database.sync.write(lambda tx, sql=statement: tx.database.execute_sql(sql))
    wait = behind_another if in_company else lambda database: None
    seconds = insert_in_chunks(database, lambda part: wait(database))
    print(f"{ROWS / sum(seconds):,.0f} rows/s with an R*Tree")
    assert min(seconds[-2:]) < 2 * statistics.median(seconds[:3])
