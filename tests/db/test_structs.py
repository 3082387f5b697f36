"""``select_for``, and ``insert`` and ``update`` of Structs."""

from __future__ import annotations

from datetime import datetime

import msgspec
import peewee
import pytest

from changemaker_core.db import (
    JSONField,
    Model,
    Query,
    QueryRefused,
    UtcField,
    UUIDField,
    compiled,
    new_id,
    read_tags,
    utcnow,
)


class Shelf(Model):
    id = UUIDField(primary_key=True, default=new_id)
    room = peewee.TextField()

    class Meta:
        table_name = "test_struct_shelf"


class Book(Model):
    id = UUIDField(primary_key=True, default=new_id)
    title = peewee.TextField()
    shelf = peewee.ForeignKeyField(Shelf, lazy_load=False)
    tags = JSONField(default=list)
    bought_at = UtcField(null=True)

    class Meta:
        table_name = "test_struct_book"


class Tag(msgspec.Struct, frozen=True):
    name: str


class NewBook(msgspec.Struct, kw_only=True):
    title: str
    shelf_id: str
    tags: list[Tag] = []


class BookChange(msgspec.Struct, kw_only=True):
    title: str | msgspec.UnsetType = msgspec.UNSET
    tags: list[Tag] | msgspec.UnsetType = msgspec.UNSET


class BookOut(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    shelf_id: str
    tags: list[Tag]
    room: str
    note: str = "none"


@compiled(BookOut)
def books() -> Query:
    return Book.select_for(BookOut, room=Shelf.room, note=None).join(Shelf)


async def test_a_struct_is_stored_and_selected(database, make_tables):
    make_tables(Shelf, Book)
    shelf, id = new_id(), new_id()

    def write(tx):
        Shelf.insert(id=shelf, room="north").execute()
        book = NewBook(title="Trees", shelf_id=shelf, tags=[Tag("green")])
        Book.insert(book, id=id, title="Trees!", bought_at=utcnow()).execute()

    await database.write(write)
    expected = BookOut(title="Trees!", shelf_id=shelf, tags=[Tag("green")], room="north")
    assert await database.all(books()) == [expected]

    change = BookChange(tags=[Tag("old")])
    update = Book.update(change).where(Book.id == id)
    assert await database.write(lambda tx: update.execute()) == 1
    assert await database.one(books()) == msgspec.structs.replace(expected, tags=[Tag("old")])


class ShelfOut(msgspec.Struct, frozen=True):
    room: str
    books: int
    oldest: datetime | None


@compiled(ShelfOut)
def shelves() -> Query:
    mine = Book.select().where(Book.shelf == Shelf.id)
    oldest = mine.select(peewee.fn.MIN(Book.bought_at))
    return Shelf.select_for(ShelfOut, books=mine.select(peewee.fn.COUNT(Book.id)), oldest=oldest)


async def test_a_subquery_about_each_row_is_an_expression(database, make_tables):
    make_tables(Shelf, Book)
    shelf, now = new_id(), utcnow()

    def write(tx, books):
        Shelf.insert_many([{"id": shelf, "room": "north"}]).on_conflict_ignore().execute()
        for number in range(books):
            title = f"Trees {number}"
            Book.insert(title=title, shelf=shelf, bought_at=now, tags=[]).execute()

    await database.write(write, 0)
    assert await database.all(shelves()) == [ShelfOut("north", 0, None)]
    await database.write(write, 2)
    assert await database.all(shelves()) == [ShelfOut("north", 2, now)]
    tags: set[str] = set()
    token = read_tags.set(tags)
    await database.all(shelves())
    read_tags.reset(token)
    assert {Shelf._meta.table_name, Book._meta.table_name} <= tags


class Wrong(msgspec.Struct):
    titel: str


def test_a_field_that_is_no_column_is_refused_where_the_query_is_defined():
    def wrong() -> Query:
        return Book.select_for(Wrong)

    with pytest.raises(
        QueryRefused, match=r"wrong: Book has no column 'titel'\. Did you mean 'title'\?.*by Wrong"
    ):
        compiled(Wrong)(wrong)


def test_an_expression_that_the_struct_has_no_field_for_is_refused():
    with pytest.raises(QueryRefused, match=r"BookOut has no field 'rom'\. Did you mean"):
        Book.select_for(BookOut, rom=Shelf.room)


def test_a_struct_with_other_fields_is_not_stored():
    with pytest.raises(QueryRefused, match="Book has no column 'titel'"):
        Book.insert(Wrong(titel="x"))
