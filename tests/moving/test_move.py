"""A site's database is moved from SQLite to PostgreSQL and back, with every value as it was."""

from __future__ import annotations

import contextlib
import sqlite3
import time as time_module
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import peewee
import psycopg2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from changemaker_core import Config, JSONField, Model, Site, UtcField, UUIDField, new_id
from changemaker_core.backups.databases import sqlite_path
from changemaker_core.cli.backup.move_database import _report
from changemaker_core.features.accounts.api import create_user
from changemaker_core.features.audit.sealing import seal
from changemaker_core.features.audit.verification import verify
from changemaker_core.moving import moving
from changemaker_core.moving.errors import MoveError
from changemaker_core.moving.moving import move
from changemaker_core.moving.sources import fields_of, opened_source, refuse_running
from changemaker_core.moving.values import Sum, canonical
from changemaker_core.testing import migrate

if TYPE_CHECKING:
    from pathlib import Path


class Kind(Model):
    """Every kind of column, and a reference to a row that may come later."""

    number = peewee.AutoField()
    id = UUIDField(unique=True, default=new_id)
    parent = peewee.ForeignKeyField("self", null=True)
    short = peewee.CharField(max_length=20, default="")
    text = peewee.TextField(null=True)
    small = peewee.IntegerField(default=0)
    large = peewee.BigIntegerField(default=0)
    is_on = peewee.BooleanField(default=False)
    share = peewee.DoubleField(default=0.0)
    price = peewee.DecimalField(max_digits=12, decimal_places=2, default=Decimal(0))
    blob = peewee.BlobField(null=True)
    at = UtcField(null=True)
    day = peewee.DateField(null=True)
    hour = peewee.TimeField(null=True)
    data = JSONField(null=True)

    class Meta:
        table_name = "moving_kind"


ROWS: list[dict[str, Any]] = [
    {"number": 7, "parent": 9, "short": "é" * 20, "text": "a\tb\\N\n\r'\"", "is_on": True},
    {"number": 9, "small": -(2**31), "large": 2**63 - 1, "share": 0.1, "price": Decimal("1.50")},
    {"blob": bytes(range(256)), "at": datetime(2026, 2, 3, 4, 5, 6, 7, UTC)},
    {"day": date(2026, 2, 3), "hour": time(4, 5, 6), "at": datetime.max.replace(tzinfo=UTC)},
    {"data": {"b": [1, None, True, 1.0, 1e2, 0.1], "a": "é\\", "": {}}, "text": ""},
    {"data": [], "text": "🎉", "share": -0.0, "large": -(2**63)},
    {"share": 1e300, "price": Decimal("-9999999999.99")},
]  # fmt: skip


def no_progress(stage: str, done: int, total: int) -> None:
    """Report nothing."""


@pytest.fixture
def open_site(tmp_path: Path, cheap_passwords: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``open_site(url)``: a site with the table of every kind of column."""
    from changemaker_core import Config

    models = Site.models
    monkeypatch.setattr(Site, "models", lambda self: {**models(self), "moving": [Kind]})
    apply = moving.migrations.apply

    def apply_with_kind(db: Any, folders: Any) -> Any:
        done = apply(db, folders)
        with db.engine.exclusive() as database, Kind.bind_ctx(database):
            database.create_tables([Kind])
        return done

    monkeypatch.setattr(moving.migrations, "apply", apply_with_kind)
    with contextlib.ExitStack() as opened:

        def open_(url: str) -> Site:
            site = Site(Config.for_tests(tmp_path, database_url=url), [])
            opened.callback(site.close)
            return site

        yield open_


def _make(site: Site) -> None:
    migrate(site)
    site.db.sync.write(lambda tx: tx.database.create_tables([Kind]))

    def fill(tx: Any) -> None:
        tx.insert_rows(Kind, ["number", "short"], [(9, "the parent")])
        for row in ROWS:
            if row.get("number") == 9:
                Kind.update(**row).where(Kind.number == 9).execute()
            else:
                Kind.create(**row)

    site.db.sync.write(fill)
    create_user(site, email="ann@example.org", name="Ann Zoë", role="USER")


def _move(site: Site, url: str, **options: Any) -> moving.Moved:
    path = sqlite_path(site.config.database_url)
    return move(site, path, url, options.pop("leave_out", ()), no_progress, **options)


def _tables(site: Site) -> list[str]:
    return site.db.sync.read(lambda: Kind._meta.database.get_tables())


def _kinds(site: Site) -> list[dict[str, Any]]:
    def read() -> list[dict[str, Any]]:
        rows = Kind.select().order_by(Kind.number).dicts()
        return [
            {**row, "blob": row["blob"] and bytes(row["blob"]), "id": row["id"].lower()}
            for row in rows
        ]

    return site.db.sync.read(read)


@pytest.mark.postgresql
def test_there_and_back_every_value_is_the_same(open_site, sqlite_url, postgresql_url, tmp_path):
    first = open_site(sqlite_url)
    _make(first)
    first.db.sync.write(lambda tx: tx.audit("moving.kind.made", after={"price": 1.5, "é": None}))
    first.db.sync.write(seal, first)
    upper = "UPDATE moving_kind SET id = upper(id) WHERE number = 7"
    first.db.sync.write(lambda tx: tx.database.execute_sql(upper))
    expected = _kinds(first)
    there = _move(first, postgresql_url)
    assert there.tables["moving_kind"].count == len(ROWS)
    assert there.tables["accounts_user"].count == 1

    second = open_site(postgresql_url)
    assert _kinds(second) == expected
    assert verify(second).fits
    assert verify(second).sealed >= 1
    number = second.db.sync.write(lambda tx: Kind.create().number)
    assert number == expected[-1]["number"] + 1  # after those that were copied
    with pytest.raises(peewee.IntegrityError):  # references are checked at once, as before
        second.db.sync.write(lambda tx: (Kind.create(parent=999), Kind.select().count()))
    second.db.sync.write(lambda tx: Kind.delete().where(Kind.number == number).execute())
    second.close()

    third_url = f"sqlite:///{tmp_path / 'back.db'}"
    second = open_site(postgresql_url)
    back = _move(second, third_url)
    assert {name: str(each) for name, each in back.tables.items()} == {
        name: str(each) for name, each in there.tables.items()
    }
    third = open_site(third_url)
    assert _kinds(third) == expected
    assert moving.MARK not in _tables(third)


@pytest.mark.postgresql
def test_a_move_that_was_killed_begins_anew(open_site, sqlite_url, postgresql_url, monkeypatch):
    site = open_site(sqlite_url)
    _make(site)
    with monkeypatch.context() as patch:
        patch.setattr(moving, "_set_sequences", lambda *_: 1 / 0)  # as far as it gets
        with pytest.raises(ZeroDivisionError):
            _move(site, postgresql_url)
    target = open_site(postgresql_url)
    assert _kinds(target) == []
    target.close()
    assert _move(site, postgresql_url).tables["moving_kind"].count == len(ROWS)
    with pytest.raises(MoveError, match="is not empty: it has the tables"):
        _move(site, postgresql_url)


@pytest.mark.postgresql
def test_what_postgresql_cannot_store_is_named_before_anything_is_copied(
    open_site, sqlite_url, postgresql_url
):
    site = open_site(sqlite_url)
    _make(site)
    bad = {
        "text": ("'a' || char(0)", "contains the character NUL"),
        "short": ("'" + "x" * 21 + "'", "has 21 characters, and PostgreSQL stores 20 here"),
        "small": ("2147483648", "stores whole numbers of 32 bits here"),
        "large": ("1.5", "is 1.5, which is no value of such a column"),
        "is_on": ("2", "is 2, which is no value"),
        "at": ("'yesterday'", "cannot be read"),
        "data": ('\'{"a": ["\\u0000"]}\'', "contains the character NUL"),
    }
    others = {
        "text": ("CAST(x'ff41' AS TEXT)", "is not valid UTF-8"),
        "data": ("'[NaN]'", "contains nan, which is not JSON"),
        "id": ("'an id'", "cannot be read"),
        "is_on": ("'maybe'", "is 'maybe', which is no value"),
    }
    with contextlib.closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as direct:
        for number, values in ((7, bad), (9, others)):
            changes = ", ".join(f"{column} = {sql}" for column, (sql, _) in values.items())
            direct.execute(f"UPDATE moving_kind SET {changes} WHERE number = {number}")  # noqa: S608
        direct.commit()
    with pytest.raises(MoveError) as raised:
        _move(site, postgresql_url, only_check=True)
    lines = str(raised.value).splitlines()[1:-1]
    assert len(lines) == len(bad) + len(others)
    for number, values in ((7, bad), (9, others)):
        for column, (_, said) in values.items():
            start = f"  moving_kind, row number={number}: {column} "
            assert any(line.startswith(start) and said in line for line in lines), (column, lines)
    with pytest.raises(MoveError, match="nothing was copied"):
        _move(site, postgresql_url)
    assert _tables(open_site(postgresql_url)) == []


@pytest.mark.database("sqlite")
def test_text_that_is_none_is_named_whatever_it_is_copied_to(open_site, sqlite_url, tmp_path):
    site = open_site(sqlite_url)
    _make(site)
    with contextlib.closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as direct:
        direct.execute("UPDATE moving_kind SET text = CAST(x'ff41' AS TEXT) WHERE number = 7")
        direct.execute("""UPDATE moving_kind SET data = '{"a": ["\\ud800"]}' WHERE number = 9""")
        direct.commit()
    with pytest.raises(MoveError) as raised:
        _move(site, f"sqlite:///{tmp_path / 'other.db'}", only_check=True)
    assert str(raised.value).splitlines()[1:-1] == [
        "  moving_kind, row number=7: text is not valid UTF-8",
        "  moving_kind, row number=9: data is not valid UTF-8",
    ]


@pytest.mark.postgresql
def test_what_is_committed_before_the_lock_is_moved(open_site, postgresql_url):
    site = open_site(postgresql_url)
    _make(site)
    site.close()
    site = open_site(postgresql_url)
    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'ShareLock'"
    writer = psycopg2.connect(postgresql_url)
    watcher = psycopg2.connect(postgresql_url)
    with contextlib.closing(writer), contextlib.closing(watcher), ThreadPoolExecutor() as pool:
        watcher.autocommit = True
        writer.cursor().execute("DELETE FROM moving_kind WHERE number = 7")
        moved = pool.submit(_numbers, site)
        looks = watcher.cursor()
        looks.execute(waiting)
        while looks.fetchone() is None and not moved.done():
            time_module.sleep(0.01)
            looks.execute(waiting)
        writer.commit()
        assert 7 not in moved.result()


def _numbers(site: Site) -> list[int]:
    """The rows that a move reads."""
    with opened_source(site.db, None, locked=True) as source:
        number = fields_of(Kind).index(Kind.number)
        return [row[number] for row in source.rows(Kind)]


def test_a_running_site_is_not_moved(open_site, sqlite_url):
    site = open_site(sqlite_url)
    path = sqlite_path(sqlite_url)
    assert path is not None
    with pytest.raises(MoveError, match="does not exist"):
        refuse_running(path)
    _make(site)
    with pytest.raises(MoveError, match="has the database open"):
        refuse_running(path)
    site.close()
    refuse_running(path)


@pytest.mark.postgresql
def test_a_running_site_on_postgresql_is_not_moved(open_site, postgresql_url, tmp_path):
    site = open_site(postgresql_url)
    _make(site)
    other = open_site(postgresql_url)
    other.db.sync.read(lambda: None)
    assert _move(site, f"sqlite:///{tmp_path / 'other.db'}", only_check=True).rows > len(ROWS)
    with pytest.raises(MoveError, match="is connected: changemaker"):
        _move(site, f"sqlite:///{tmp_path / 'other.db'}")


@pytest.mark.database("sqlite")
def test_no_table_is_lost_without_a_word(open_site, sqlite_url, tmp_path):
    site = open_site(sqlite_url)
    _make(site)
    url = f"sqlite:///{tmp_path / 'other.db'}"
    with contextlib.closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as direct:
        direct.execute("CREATE TABLE petitions_signature (name TEXT)")
        direct.execute("CREATE TABLE petitions_empty (name TEXT)")
        direct.execute("INSERT INTO petitions_signature VALUES ('Ann')")
        direct.commit()
        with pytest.raises(MoveError, match="has the tables petitions_signature, and"):
            _move(site, url)
        with pytest.raises(MoveError, match="accounts_user belongs to"):
            _move(site, url, leave_out=["petitions_signature", "accounts_user"])
        direct.execute("ALTER TABLE moving_kind ADD COLUMN added TEXT")
        direct.commit()
        with pytest.raises(MoveError, match="columns that no model has: added"):
            _move(site, url, leave_out=["petitions_signature"])
        direct.execute("ALTER TABLE moving_kind DROP COLUMN added")
        direct.execute("PRAGMA foreign_keys = OFF")
        direct.execute("UPDATE moving_kind SET parent_id = 999 WHERE number = 7")
        direct.commit()
        with pytest.raises(MoveError, match="row 7 of moving_kind refers to no row of moving_kind"):
            _move(site, url, leave_out=["petitions_signature"])


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(), st.text(), _JSON), max_size=6), st.randoms())
def test_a_sum_is_that_of_the_rows_in_any_order(rows, random):
    one, other = Sum(), Sum()
    for row in rows:
        one.add(row)
    mixed = list(rows)
    random.shuffle(mixed)
    for row in mixed:
        other.add(row)
    assert one == other
    other.add((0, "one more", None))
    assert one != other


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 100}, {"b": 1e2, "a": 1.0}),
        (memoryview(b"\0x"), b"\0x"),
        (Decimal("1.50"), Decimal("1.5")),
    ],
)
def test_what_databases_write_differently_is_equal(one, other):
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://site:hunter2@db/site", False),
        ("postgresql://db/site?user=site&password=hunter2", False),
        ("postgresql://db/site?sslkey=a&sslpassword=hunter2", False),
        ("sqlite:///other.db", True),
        ("postgresql://db/site?user=site", True),
    ],
)
def test_a_password_is_not_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str, shown: bool
) -> None:
    _report(Config.for_tests(tmp_path), url, moving.Moved({}, 0.1))
    printed = capsys.readouterr().out
    assert (f'database_url = "{url}"' in printed) is shown
    assert "hunter2" not in printed and "database_url" in printed.lower()
