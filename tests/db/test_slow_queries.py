"""The log of slow statements: named, with their plan, without a value, once in a minute."""

from __future__ import annotations

import asyncio
import math
import threading

import peewee
import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core.db import Model, Query, compiled
from changemaker_core.db.context import current_unit
from changemaker_core.db.slow import SlowQueries
from changemaker_core.db.slow import queries as slow_queries
from changemaker_core.db.slow.plans import is_explained, postgresql_plan, without_values
from changemaker_core.db.slow.queries import Statement
from changemaker_core.db.sqlite import engine as sqlite_engine

#: As a person could be called, who wants to be in the log.
NAME = 'Zoë \'x (cost=1 \\ \n "Index Cond: 7431"'
NUMBER = 74_316_258
#: Every statement takes longer.
ALWAYS = 1e-9


class Walker(Model):
    name = peewee.TextField()
    number = peewee.IntegerField(default=0)

    class Meta:
        table_name = "slow_walker"


@compiled(str)
def named(name: str, number: int = NUMBER) -> Query:
    return Walker.select(Walker.name).where(Walker.name == name, Walker.number < number)


@compiled(int)
def pairs() -> Query:
    """Return more rows than SQLite's event loop reads."""
    other = Walker.alias()
    return Walker.select(peewee.fn.COUNT(Walker.id)).join(other, on=Walker.number < other.number)


@pytest.fixture
def lines(database, make_tables, caplog):
    """``lines()``: what the log has of slow statements, once their plans are made."""
    make_tables(Walker)
    rows = [(f"walker {number}", number) for number in range(100)]
    database.sync.write(lambda tx: tx.insert_rows(Walker, ["name", "number"], rows))
    database.engine.slow.seconds = ALWAYS

    def read():
        database.engine.slow.close()
        return [each for each in caplog.records if each.name == slow_queries.__name__]

    return read


def insert(tx):
    Walker.create(name=NAME, number=NUMBER)


def look(tx):
    named(NAME).all()
    Walker.update(number=1).where(Walker.name == NAME, Walker.number == NUMBER).execute()
    list(Walker.select().where(Walker.name.startswith(NAME)).order_by(Walker.number).limit(7))


def test_a_statement_is_named_with_its_plan_and_without_values(database, lines):
    database.sync.write(insert)
    database.sync.write(look)
    found = lines()
    texts = [each.getMessage() for each in found]
    whole = "\n".join(texts)
    for secret in ("Zo", "x (cost=1 ", "7431", str(NUMBER)):
        assert secret not in whole
    assert f"s: {__name__}.named\n" in whole
    update = next(text for text in texts if "UPDATE" in text)
    assert 'UPDATE "slow_walker" SET "number" = ' in update
    for text in texts:
        if not text.split("s: ")[1].startswith("INSERT"):
            assert "\nSCAN " in text or "Seq Scan on slow_walker" in text, text
            assert '"slow_walker"' in text
    assert {each.threadName for each in found} == {"slow-queries"}


async def test_a_read_of_the_event_loop(database, lines, monkeypatch):
    monkeypatch.setattr(sqlite_engine, "LOOP_SECONDS", 0.0)
    await database.one(pairs())
    (line,) = await asyncio.to_thread(lines)
    assert line.getMessage().startswith("a query took ")
    assert f"{__name__}.pairs\n" in line.getMessage()
    assert line.threadName == "slow-queries"


def test_a_statement_that_fails_was_slow_as_well(database, lines):
    def fail(tx):
        tx.database.execute_sql("SELECT * FROM slow_absent")

    with pytest.raises(peewee.PeeweeException):
        database.sync.write(fail)
    assert "SELECT * FROM slow_absent\nno plan: " in lines()[0].getMessage()


def test_a_bulk_insert(database, lines):
    rows = [(NAME, NUMBER)] * 3
    database.sync.write(lambda tx: tx.insert_rows(Walker, ["name", "number"], rows))
    (line,) = lines()
    assert line.getMessage().startswith("a bulk insert took ")
    assert line.getMessage().endswith('s: 3 rows of "slow_walker"')


def many(tx):
    for number in range(50):
        named("nobody", number).all()


@pytest.mark.parametrize("way", ["read", "write"])
def test_a_unit_of_work_of_many_statements(database, lines, way):
    slow = database.engine.slow
    slow.seconds = math.inf

    def slowly(*tx):
        many(tx)
        # As long as the slowest of them: none was longer, and all of them together were.
        slow.seconds = current_unit.get().slowest_seconds

    getattr(database.sync, way)(slowly)
    (line,) = lines()
    text = line.getMessage()
    assert text.startswith("a unit of work took ")
    assert "s of it in the database (50 statements): " in text
    assert f"<locals>.slowly; its slowest: {__name__}.named\n" in text


def test_the_same_statement_is_logged_once_in_a_minute(database, lines, monkeypatch):
    explained = []
    explain = database.engine.slow._explain

    def count(sql, values):
        explained.append(sql)
        return explain(sql, values)

    monkeypatch.setattr(database.engine.slow, "_explain", count)
    for _ in range(4):
        database.sync.all(named("nobody"))
    assert len(lines()) == len(explained) == 1
    monkeypatch.setattr(slow_queries, "QUIET", 0.0)
    database.engine.slow._known[named.name].quiet_until = 0.0
    database.sync.all(named("nobody"))
    assert "; 3 times more since the last report, up to " in lines()[-1].getMessage()


def test_nothing_is_logged_without_a_time(database, lines):
    database.engine.slow.seconds = math.inf
    database.sync.write(look)
    assert not lines()


def test_statements_beyond_what_waits_are_logged_without_a_plan(caplog):
    free = threading.Event()
    slow = SlowQueries(lambda sql, values: "the plan" if free.wait(30) else "")
    for number in range(slow_queries.MOST_WAITING + 5):
        slow.statement(Statement(f"SELECT {number}", ()), 2.0)
    without = [each for each in caplog.messages if "no plan: too many slow statements" in each]
    assert 4 <= len(without) <= 5
    free.set()
    slow.close()
    assert len([each for each in caplog.messages if each.endswith("\nthe plan")]) >= 20
    assert len(slow._known) <= slow_queries.MOST_KNOWN


@pytest.mark.parametrize(
    ("sql", "is_one"),
    [
        ("SELECT 1", True),
        ("  with a as (select 1) select * from a", True),
        ("UPDATE a SET b = 'x;y'", True),
        ('DELETE FROM "a;b"', True),
        ("UPDATE a SET b = 1; DELETE FROM a", False),
        ("SELECT $$'$$; DELETE FROM a --'", False),
        ("SELECT E'\\'; DELETE FROM a", False),
        ("SELECT 1 /* ' */; DELETE FROM a", False),
        ("ANALYZE SELECT 1", False),
        ("CREATE TABLE a (b INTEGER)", False),
    ],
)
def test_what_is_explained(sql, is_one):
    assert is_explained(sql) is is_one


@given(st.text(alphabet="'\"ab \n\\;:(=7", max_size=12), st.integers(0) | st.floats(0, 1e30))
def test_a_plan_has_no_value(text, number):
    quoted = "'{}'".format(text.replace("'", "''"))
    lines = f'Index Scan using a on "b\'c"  (cost=0.1..8.2)\n  Filter: (d = {quoted}::text)\n'
    lines += f"  Index Cond: ((e1 > {number}) AND (f = {quoted}))"
    assert postgresql_plan((each,) for each in lines.split("\n")) == (
        'Index Scan using a on "b\'c"  (cost=0.1..8.2)\n  Filter: (d = ?::text)\n'
        "  Index Cond: ((e1 > ?) AND (f = ?))"
    )
    assert without_values(f"a = {quoted} AND b") == "a = ? AND b"
