"""Many rows at once: the same rows on both databases, and readers who learn of them."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime
from decimal import Decimal

import peewee
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from changemaker_core.db import InvalidId, JSONField, Model, UtcField, UUIDField, new_id, utcnow
from changemaker_core.db.writes.bulk import BATCH

ID = "0190e2c4-7f3e-7abc-8def-000000000001"


class Member(Model):
    id = UUIDField(primary_key=True, default=new_id)
    email = peewee.CharField(unique=True, null=True)
    name = peewee.TextField()
    visits = peewee.IntegerField(default=3)
    is_new = peewee.BooleanField(default=True)
    score = peewee.DoubleField(null=True)
    paid = peewee.DecimalField(max_digits=12, decimal_places=2, null=True, auto_round=False)
    born = peewee.DateField(null=True)
    photo = peewee.BlobField(null=True)
    facts = JSONField(null=True)
    joined_at = UtcField(default=utcnow)

    class Meta:
        table_name = "bulktest_member"


class Letter(Model):
    member = peewee.ForeignKeyField(Member, lazy_load=False, on_update="CASCADE")
    text = peewee.TextField(default="")

    class Meta:
        table_name = "bulktest_letter"


class Pair(Model):
    one = peewee.IntegerField()
    other = peewee.IntegerField()

    class Meta:
        table_name = "bulktest_pair"
        primary_key = peewee.CompositeKey("one", "other")


class Note(Model):
    """Its columns have the names that generated code would use first."""

    type = peewee.TextField()
    convert0 = peewee.TextField()
    type1 = peewee.TextField(default="plain")

    class Meta:
        table_name = "bulktest_note"


@pytest.fixture
def insert(database, make_tables):
    """``insert(model, columns, rows, …)`` in a transaction of its own."""
    make_tables(Member, Letter, Pair)
    return lambda *args, **options: database.sync.write(lambda tx: tx.insert_rows(*args, **options))


@pytest.fixture
def stored(database):
    """``stored(Member.name, …)``: the values of these columns of all members, sorted."""
    return lambda *columns: database.sync.read(lambda: sorted(Member.select(*columns).tuples()))


# Values

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
ROWS = st.tuples(
    st.uuids(version=4),
    TEXTS | st.sampled_from(["\\", "\\N", "\\.", "a\tb\nc\rd\\", "", "NULL"]),
    st.integers(-(2**31), 2**31 - 1),
    st.booleans(),
    st.none() | st.floats(allow_nan=False),
    st.none() | st.decimals(-(10**9), 10**9, places=2),
    st.none() | st.dates(date(1, 1, 1)),
    st.none() | st.binary(max_size=12),
    st.none() | st.dictionaries(TEXTS, st.integers() | TEXTS | st.none(), max_size=3),
    st.datetimes(timezones=st.just(UTC)),
)
COLUMNS = "id name visits is_new score paid born photo facts joined_at".split()


def as_read(member):
    values = [getattr(member, name) for name in COLUMNS]
    values[COLUMNS.index("photo")] = None if member.photo is None else bytes(member.photo)
    return values


def test_values_are_those_that_single_inserts_write(database, insert):
    """Whatever the values are: text that looks like COPY's own marks, and every type."""

    @settings(max_examples=25, suppress_health_check=list(HealthCheck), deadline=None)
    @given(rows=st.lists(ROWS, max_size=4, unique_by=lambda row: row[0]))
    def each(rows):
        def singly(tx):
            for row in rows:
                Member.create(**dict(zip(COLUMNS, row, strict=True)))

        def all_read():
            return [as_read(member) for member in Member.select().order_by(Member.id)]

        database.sync.write(singly)
        expected = database.sync.read(all_read)
        database.sync.write(lambda tx: Member.delete().execute())
        assert insert(Member, COLUMNS, rows) == len(rows)
        assert database.sync.read(all_read) == expected
        database.sync.write(lambda tx: Member.delete().execute())

    each()


def test_other_columns_get_their_defaults(insert, stored):
    before = utcnow()
    assert insert(Member, [Member.name], iter([("Ann",), ("Bo",)])) == 2
    rows = stored(Member.name, Member.visits, Member.is_new, Member.email, Member.joined_at)
    assert [row[:4] for row in rows] == [("Ann", 3, True, None), ("Bo", 3, True, None)]
    assert all(before <= row[4] <= utcnow() for row in rows)
    assert len(set(stored(Member.id))) == 2


def test_a_reference_is_given_by_its_field_or_its_column(database, insert):
    insert(Member, ["id", "name"], [(ID, "Ann")])
    insert(Letter, ["member"], [(ID,)])
    insert(Letter, ["member_id", Letter.text], [(ID.upper(), "again")])
    assert database.sync.read(lambda: [each.member_id for each in Letter.select()]) == [ID, ID]


def test_a_column_may_have_any_name(database, make_tables):
    make_tables(Note)
    names = ["type", "convert0"]
    database.sync.write(lambda tx: tx.insert_rows(Note, names, [("phone", "x"), ("mail", "y")]))
    columns = (Note.type, Note.convert0, Note.type1)
    rows = database.sync.read(lambda: sorted(Note.select(*columns).tuples()))
    assert rows == [("mail", "y", "plain"), ("phone", "x", "plain")]


def test_more_rows_than_one_chunk(insert, stored, monkeypatch):
    monkeypatch.setattr("changemaker_core.db.postgresql.copying.CHUNK_CHARACTERS", 100)
    rows = ((f"name {number}", number) for number in range(1000))
    assert insert(Member, ["name", "visits"], rows) == 1000
    assert stored(Member.visits) == [(number,) for number in range(1000)]


def test_no_rows(insert, stored):
    for on_conflict in ("error", "skip", "update"):
        assert insert(Member, ["id", "name"], [], on_conflict) == 0
    assert stored(Member.id) == []


def test_rows_may_come_from_the_database_itself(database, insert, stored):
    insert(Member, ["name", "visits"], [("Ann", 1), ("Bo", 2)])

    def copy_all(tx):
        copies = ((each.name + "'s copy", each.visits) for each in list(Member.select()))
        looked_up = ((name, visits + Member.select().count()) for name, visits in copies)
        return tx.insert_rows(Member, ["name", "visits"], looked_up, "skip")

    assert database.sync.write(copy_all) == 2
    assert len(stored(Member.name)) == 4


# Conflicts


def test_a_conflict_is_an_error_of_the_whole(database, insert, stored):
    with pytest.raises(peewee.IntegrityError):
        insert(Member, ["email", "name"], [("a@b.example", "Ann"), ("a@b.example", "Bo")])
    assert stored(Member.name) == []

    def caught(tx):
        tx.insert_rows(Member, ["name"], [("first",)])
        with pytest.raises(peewee.IntegrityError), tx.savepoint():
            tx.insert_rows(Member, ["id", "name"], [(ID, "x"), (ID, "y")])
        tx.insert_rows(Member, ["name"], [("last",)])

    database.sync.write(caught)
    assert stored(Member.name) == [("first",), ("last",)]


def test_conflicts_are_skipped(insert, stored):
    insert(Member, ["email", "name"], [("a@b.example", "Ann")])
    rows = [("a@b.example", "Bo"), ("c@d.example", "Cy"), ("c@d.example", "Di"), (None, "E")]
    assert insert(Member, ["email", "name"], rows, "skip") == 2
    assert stored(Member.name) == [("Ann",), ("Cy",), ("E",)]
    assert insert(Member, ["email", "name"], rows[:2], "skip", key=["email"]) == 0


def test_only_conflicts_of_keys_are_skipped(insert, stored):
    """SQLite's OR IGNORE would skip a row without a name as well."""
    with pytest.raises(peewee.IntegrityError):
        insert(Member, ["email", "name"], [("a@b.example", None)], "skip")
    assert stored(Member.name) == []


def test_conflicts_update_the_named_columns_and_the_last_row_wins(insert, stored):
    insert(Member, ["email", "name", "visits"], [("a@b.example", "Ann", 7)])
    before = stored(Member.id)
    rows = [("a@b.example", "Bo"), (None, "C"), (None, "D"), ("a@b.example", "Ann B.")]
    assert insert(Member, ["email", "name"], rows, "update", key=[Member.email]) == 4
    assert stored(Member.name, Member.visits) == [("Ann B.", 7), ("C", 3), ("D", 3)]
    assert set(before) <= set(stored(Member.id))


def test_a_key_of_several_columns_and_nothing_else(database, insert):
    assert insert(Pair, ["one", "other"], [(1, 1), (1, 2), (1, 1)], "update") == 3
    assert database.sync.read(lambda: Pair.select().count()) == 2


def test_both_databases_agree_on_any_rows(database, insert):
    """A conflict changes what a dictionary would change."""
    emails = st.none() | st.sampled_from(["a", "b", "c"])
    rows_ = st.lists(st.tuples(emails, TEXTS), max_size=8)

    @settings(max_examples=25, suppress_health_check=list(HealthCheck), deadline=None)
    @given(before=rows_, rows=rows_, on_conflict=st.sampled_from(["skip", "update"]))
    def each(before, rows, on_conflict):
        database.sync.write(lambda tx: Member.delete().execute())
        expected, free = {}, []
        for email, name in [*before, *rows]:
            if email is None:
                free.append(name)
            elif on_conflict == "update":
                expected[email] = name
            else:
                expected.setdefault(email, name)
        for part in (before, rows):
            insert(Member, ["email", "name"], part, on_conflict, key=["email"])
        found = database.sync.read(lambda: list(Member.select(Member.email, Member.name).tuples()))
        assert {email: name for email, name in found if email is not None} == expected
        assert sorted(name for email, name in found if email is None) == sorted(free)

    each()


# Mistakes


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        (["nmae"], {}, "Member has no column 'nmae'; it has id, email, name"),
        ([Letter.text], {}, "Member has no column 'text'"),
        ([], {}, "name each column of Member once"),
        (["name", "name"], {}, "name each column of Member once"),
        (["name"], {"on_conflict": "ignore"}, "error, skip or update, not 'ignore'"),
        (["name"], {"on_conflict": "update"}, "by id, which columns do not name"),
        (["name"], {"on_conflict": "update", "key": ["email"]}, "by email, which columns"),
    ],
)
def test_what_cannot_be_inserted_is_refused(insert, columns, options, message):
    with pytest.raises(ValueError, match=message):
        insert(Member, columns, [("x",)], **options)


@pytest.mark.parametrize("on_conflict", ["error", "skip"])
@pytest.mark.parametrize(
    ("row", "error"),
    [
        (("not an id", "x"), InvalidId),
        ((ID,), TypeError),
        ((ID, "x", "y"), TypeError),
        ({"id": ID, "name": "x"}, TypeError),
        ("ab", TypeError),
    ],
)
def test_a_bad_row_is_named_by_its_number(insert, stored, row, error, on_conflict):
    rows = itertools.chain([(new_id(), "fine")], [row])
    with pytest.raises(error) as caught:
        insert(Member, ["id", "name"], rows, on_conflict)
    assert caught.value.__notes__ == ["in row 2 for Member"]
    assert stored(Member.id) == []


def test_a_row_of_a_later_batch_is_named_by_its_number(insert, stored):
    """By what converts it, and by the database that refuses it."""
    for bad, error in [(("no id", "x"), InvalidId), ((ID, "x", "y"), TypeError)]:
        rows = [*((new_id(), "fine") for _ in range(BATCH + 6)), bad, bad]
        with pytest.raises(error) as caught:
            insert(Member, ["id", "name"], rows)
        assert caught.value.__notes__ == [f"in row {BATCH + 7} for Member"]
    assert stored(Member.id) == []


def test_a_row_that_the_database_refuses_is_named_by_its_number(insert, monkeypatch):
    monkeypatch.setattr("changemaker_core.db.postgresql.copying.CHUNK_CHARACTERS", 1000)
    rows = [(new_id(), "fine") for _ in range(BATCH + 6)]
    with pytest.raises(peewee.IntegrityError) as caught:
        insert(Member, ["id", "name"], [*rows, (new_id(), None), (new_id(), "fine")])
    assert f"in row {BATCH + 7} for Member" in caught.value.__notes__


def test_the_callers_error_is_raised_as_it_is(insert, stored):
    def rows():
        yield ("Ann",)
        raise LookupError("the file ended")

    for on_conflict in ("error", "skip"):
        with pytest.raises(LookupError, match="the file ended"):
            insert(Member, ["name"], rows(), on_conflict)
    assert stored(Member.id) == []


# Readers


@pytest.fixture
def notified(database, insert):
    notified = []
    database.changes.subscribe(notified.append)
    return notified


def test_readers_are_notified_of_the_table(insert, notified):
    insert(Member, ["id", "name"], [(ID, "Ann")])
    insert(Member, ["id", "name"], [(ID, "Ann")], "skip")
    assert notified == [{"bulktest_member"}] * 2
    insert(Member, ["id", "name"], [(ID, "Bo")], "update")
    assert notified[2:] == [{"bulktest_member", "bulktest_letter"}]


def raw_insert(tx):
    """Write past peewee, by the driver's own cursor."""
    mark = "?" if tx.dialect == "sqlite" else "%s"
    cursor = tx.database.cursor()
    cursor.executemany(f"INSERT INTO bulktest_pair VALUES (1, {mark})", [(5,), (6,)])  # noqa: S608


def raw_insert_by_connection(tx):
    connection = tx.database.connection()
    connection.cursor().execute("INSERT INTO bulktest_pair VALUES (1, 7)")


@pytest.mark.parametrize("write", [raw_insert, raw_insert_by_connection])
def test_the_drivers_own_door_notifies_of_everything(database, notified, write):
    """Also beside statements that were seen: they do not say what else was written."""
    database.sync.write(write)
    database.sync.write(
        lambda tx: [Pair.create(one=8, other=8), Pair.delete().execute(), write(tx)]
    )
    assert notified == [None, None]


def test_the_drivers_own_door_notifies_of_what_is_declared(database, notified):
    database.sync.write(lambda tx: [raw_insert(tx), tx.wrote(Pair, "bulktest_other")])
    database.sync.write(lambda tx: [tx.wrote(Member), raw_insert_by_connection(tx)])
    assert notified == [{"bulktest_pair", "bulktest_other"}, {"bulktest_member", "bulktest_letter"}]
    database.sync.write(lambda tx: [tx.database.cursor().execute("SELECT 1"), tx.wrote()])
    assert len(notified) == 2


def test_reading_by_the_drivers_door_notifies_of_nothing(database, notified):
    database.sync.read(lambda: Pair._meta.database.cursor().execute("SELECT 1"))
    assert notified == []


def test_a_table_of_the_session_alone_is_nobodys_news(database, notified):
    def with_temporary(tx):
        tx.database.execute_sql("CREATE TEMP TABLE bulktest_scratch (id INTEGER)")
        tx.database.execute_sql("CREATE TEMPORARY TABLE bulktest_more AS SELECT 1 AS one")
        Pair.create(one=1, other=1)

    database.sync.write(with_temporary)
    assert notified == [{"bulktest_pair"}]


class Fed(Model):
    name = peewee.TextField(default="")

    class Meta:
        table_name = "bulktest_fed"
        also_writes = ("bulktest_log",)


class Log(Model):
    fed = peewee.IntegerField()

    class Meta:
        table_name = "bulktest_log"


def test_a_table_that_a_trigger_fills_is_written_with_its_source(database, make_tables, notified):
    make_tables(Fed, Log)
    notified.clear()
    database.sync.write(lambda tx: Fed.create())
    database.sync.write(lambda tx: Fed.update(name="x").where(Fed.id == 1).execute())
    database.sync.write(lambda tx: tx.insert_rows(Fed, ["name"], [("a",)]))
    database.sync.write(lambda tx: tx.wrote(Fed))
    assert all("bulktest_log" in tables for tables in notified)
    assert len(notified) == 4


def test_decimals_are_exact(insert, stored):
    insert(Member, ["name", "paid"], [("Ann", Decimal("1234567890.12"))])
    assert stored(Member.paid) == [(Decimal("1234567890.12"),)]
    assert datetime.now(UTC) >= stored(Member.joined_at)[0][0]
