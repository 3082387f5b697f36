"""Compiled writes: always what peewee would write, on both databases."""

from __future__ import annotations

import itertools
from datetime import UTC, timedelta, timezone
from typing import Any

import peewee
import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core.db import JSONField, Model, UtcField, UUIDField
from changemaker_core.db.context import Unit, running
from changemaker_core.db.dialects import COMPILERS
from changemaker_core.db.writes import PlainWrite

ID = "01900000-0000-7000-8000-000000000001"


class Shelf(Model):
    name = peewee.CharField(primary_key=True)

    class Meta:
        table_name = "test_compiled_shelf"


class Note(Model):
    id = peewee.IntegerField(primary_key=True, default=itertools.count(1).__next__)
    text = peewee.TextField()

    class Meta:
        table_name = "test_compiled_note"


class Draft(Model):
    text = peewee.TextField(default=lambda: peewee.fn.LOWER("New"))

    class Meta:
        table_name = "test_compiled_draft"


class Tagged(Model):
    shelf = peewee.CharField()
    word = peewee.CharField()

    class Meta:
        table_name = "test_compiled_tagged"
        primary_key = peewee.CompositeKey("shelf", "word")


class Book(Model):
    id = UUIDField(primary_key=True, default=lambda: ID)
    shelf = peewee.ForeignKeyField(Shelf, lazy_load=False, null=True)
    title = peewee.CharField(max_length=20, default="untitled", column_name="called")
    text = peewee.TextField(null=True)
    pages = peewee.IntegerField(default=0)
    weight = peewee.FloatField(null=True)
    price = peewee.DecimalField(null=True)
    lent = peewee.BooleanField(default=False)
    labels = JSONField(default=list)
    more = JSONField(null=True)
    read_at = UtcField(null=True)

    class Meta:
        table_name = "test_compiled_book"


TEXTS = st.text(max_size=5)
NUMBERS = st.integers(-5, 5)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "id": st.uuids() | st.uuids().map(str),
    "shelf": TEXTS | st.none(),
    "title": TEXTS | NUMBERS | st.binary(max_size=3).map(bytes.hex),
    "text": TEXTS | st.none(),
    "pages": NUMBERS | NUMBERS.map(str) | st.booleans() | st.floats(0, 9),
    "weight": st.floats(-1, 1) | NUMBERS | st.none(),
    "price": st.decimals(0, 9, places=2) | st.none(),
    "lent": st.booleans() | NUMBERS,
    "labels": st.lists(TEXTS, max_size=2) | TEXTS | st.booleans(),
    "more": st.none() | st.dictionaries(TEXTS, NUMBERS, max_size=2) | NUMBERS,
    "read_at": st.none()
    | st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-5))]))
    | st.just("2030-01-01T00:00:00+00:00"),
}
ROWS = st.fixed_dictionaries({}, optional=VALUES)
COMPARED = sorted(VALUES.keys() - {"labels", "more"})


@st.composite
def comparisons(draw: st.DrawFn) -> Any:
    name = draw(st.sampled_from(COMPARED))
    field, values = getattr(Book, name), VALUES[name].filter(lambda value: value is not None)
    if draw(st.booleans()):
        compare = draw(st.sampled_from(["__eq__", "__ne__", "__lt__", "__ge__"]))
        return getattr(field, compare)(draw(values))
    listed = draw(st.lists(values, min_size=1, max_size=3))
    return field.in_(draw(st.sampled_from([list, tuple]))(listed))


COUNTED = st.fixed_dictionaries(
    {},
    optional={
        "pages": NUMBERS.map(lambda number: Book.pages + number),
        "weight": NUMBERS.map(lambda number: Book.weight - number),
    },
)


@st.composite
def inserts(draw: st.DrawFn) -> Any:
    query = Book.insert(**draw(ROWS))
    match draw(st.sampled_from(["", "ignore", "skip", "row count", "by column"])):
        case "ignore":
            return query.on_conflict_ignore()
        case "skip":
            return query.on_conflict(action="NOTHING", conflict_target=[Book.title])
        case "row count":
            return query.as_rowcount()
        case "by column":
            return Book.insert({Book.title: draw(TEXTS), "pages": draw(NUMBERS)})
    return query


WHERE = st.lists(comparisons(), min_size=1, max_size=3)


@st.composite
def updates(draw: st.DrawFn) -> Any:
    return Book.update(**{"pages": 1, **draw(ROWS), **draw(COUNTED)}).where(*draw(WHERE))


DELETES = WHERE.map(lambda where: Book.delete().where(*where))


def comparable(parameters: list[Any]) -> list[Any]:
    """Parameters with their types, since 1 equals True; JSON as what it holds."""
    plain = [getattr(each, "adapted", each) for each in parameters]
    return [(type(each), each) for each in plain]


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
@given(data=st.data())
def test_it_is_what_peewee_writes(dialect, data):
    database = COMPILERS[dialect]
    with running(Unit(database)):
        query = data.draw(inserts() | updates() | DELETES)
        compiled = query.compiled(database)
        sql, parameters = query.sql()
        assert compiled is not None
        # NULL is json(NULL), too, so that one text is enough.
        assert compiled[0].replace("json(?)", "?") == sql.replace("json(?)", "?")
        assert comparable(compiled[1]) == comparable(parameters)


@pytest.mark.parametrize(
    "query",
    [
        lambda: Book.insert(title=peewee.fn.LOWER("A")),
        lambda: Book.insert(shelf=Shelf(name="a")),
        lambda: Draft.insert(),
        lambda: Book.insert(title="a").returning(Book.pages),
        lambda: Book.insert(title="a").on_conflict_replace(),
        lambda: Book.insert(title="a").on_conflict(
            conflict_target=[Book.title], update={Book.pages: 1}
        ),
        lambda: Book.insert_many([{"title": "a"}, {"title": "b"}]),
        lambda: Book.insert_from(Shelf.select(Shelf.name), [Book.title]),
        lambda: Book.update(title=peewee.fn.LOWER(Book.title)),
        lambda: Book.update(pages=1).where(Shelf.name == "a"),
        lambda: Book.update(pages=1).from_(Shelf),
        lambda: Book.update(pages=1).where(Book.title.contains("a")),
        lambda: Book.update(pages=1).where(Book.more["a"] == 1),
        lambda: Book.update(pages=1).where(Book.labels == ["a"]),
        lambda: Book.update(pages=1).where(~(Book.pages == 1)),
        lambda: Book.update(pages=1).where((Book.pages == 1) | (Book.pages == 2)),
        lambda: Book.update(pages=1).where(Book.text.is_null()),
        lambda: Book.update(pages=1).where(Book.text == Book.title),
        lambda: Book.update(pages=1).where(Book.pages.in_([])),
        lambda: Book.update(pages=1).where(Book.pages.in_([None])),
        lambda: Book.update(pages=1),
        lambda: Book.update(text=Book.title).where(Book.pages == 1),
        lambda: Book.update(pages=Book.pages + Book.pages).where(Book.pages == 1),
        lambda: Book.delete(),
        lambda: Book.update(pages=1).where(Book.shelf == Shelf(name="a")),
        lambda: Book.delete().where(Book.shelf.in_(Shelf.select())),
        lambda: Book.delete().where(Book.title.in_([str(number) for number in range(100)])),
        lambda: Book.delete().where(peewee.SQL("1 = 1")),
        lambda: Book.delete().limit(1),
    ],
)
def test_what_is_not_plain_is_left_to_peewee(query):
    database = COMPILERS["sqlite"]
    with running(Unit(database)):
        made = query()
        assert not isinstance(made, PlainWrite) or made.compiled(database) is None


def test_a_default_is_called_for_each_row(database, make_tables):
    make_tables(Note)
    add = lambda tx: [Note.insert(text=text).execute() for text in "abc"]  # noqa: E731
    first, second, third = database.sync.write(add)
    assert [second, third] == [first + 1, first + 2]
    written = database.sync.read(lambda: [(note.id, note.text) for note in Note.select()])
    assert written == [(first, "a"), (second, "b"), (third, "c")]


def test_an_unknown_column_raises_at_once():
    with pytest.raises(AttributeError, match="colour"):
        Note.insert(colour="blue")


def test_an_insert_returns_the_key(database, make_tables):
    make_tables(Note, Shelf, Tagged)

    def work(tx):
        skipped = Shelf.insert(name="a").on_conflict_ignore()
        return (
            Shelf.insert(name="a").execute(),
            Note.insert(id=70, text="a").execute(),
            Note.insert(id=71, text="b").as_rowcount().execute(),
            skipped.as_rowcount().execute(),
            [*Note.insert(id=72, text="c").returning(Note.text).tuples().execute()],
            Tagged.insert(shelf="a", word="b").execute(),
        )

    shelf, *others, both = database.sync.write(work)
    assert others == [70, 1, 0, [("c",)]]
    if database.dialect == "postgresql":  # SQLite returns the row's number where the key is a text
        assert (shelf, both) == ("a", ("a", "b"))
