"""Two databases of one process, used at once with the same models, never meet."""

from __future__ import annotations

import asyncio
import os
import threading

import msgspec
import peewee
import pytest

from changemaker_core.db import (
    Database,
    Model,
    NestedUnitOfWork,
    OutsideUnitOfWork,
    Query,
    UUIDField,
    compiled,
    new_id,
)


class Note(Model):
    id = UUIDField(primary_key=True, default=new_id)
    owner = peewee.TextField()

    class Meta:
        table_name = "test_note"


class NoteRow(msgspec.Struct):
    id: str
    owner: str


@compiled(NoteRow)
def notes_of(owner: str | None = None) -> Query:
    query = Note.select(Note.id, Note.owner)
    return query if owner is None else query.where(Note.owner == owner)


def add(tx, owner):
    return Note.create(owner=owner).id


def owners():
    return {note.owner for note in Note.select()}


async def use_from_tasks(database, name):
    for _ in range(15):
        await database.write(add, name)
        rows = await database.all(notes_of())
        assert {row.owner for row in rows} <= {name}
        assert await database.read(owners) == {name}


def use_from_threads(database, name):
    for _ in range(15):
        database.sync.write(add, name)
        assert database.sync.read(owners) == {name}
        assert {row.owner for row in database.sync.all(notes_of(owner=name))} == {name}


def open_(url):
    database = Database.open(url)
    database.sync.write(lambda tx: tx.database.create_tables([Note]))
    return database


async def run_side_by_side(databases):
    threads = [
        asyncio.to_thread(use_from_threads, database, name) for name, database in databases.items()
    ]
    tasks = [
        use_from_tasks(database, name) for name, database in databases.items() for _ in range(2)
    ]
    await asyncio.gather(*threads, *tasks)
    for name, database in databases.items():
        assert len(await database.all(notes_of())) == 45
        assert await database.read(owners) == {name}
        database.close()


async def test_two_sqlite_files(tmp_path):
    urls = {name: f"sqlite:///{tmp_path / name}.db" for name in ("first", "second")}
    await run_side_by_side({name: open_(url) for name, url in urls.items()})


@pytest.mark.postgresql
async def test_sqlite_beside_postgresql(sqlite_url, postgresql_url):
    await run_side_by_side({"lite": open_(sqlite_url), "post": open_(postgresql_url)})


def test_models_outside_of_a_unit_of_work_raise(database, make_tables):
    make_tables(Note)
    with pytest.raises(OutsideUnitOfWork):
        list(Note.select())
    with pytest.raises(OutsideUnitOfWork):
        Note.create(owner="ann")
    with pytest.raises(OutsideUnitOfWork):
        notes_of().all()


def test_a_query_returned_from_read_and_run_outside_raises(database, make_tables):
    make_tables(Note)
    query = database.sync.read(lambda: Note.select())
    with pytest.raises(OutsideUnitOfWork):
        list(query)


def test_units_of_work_do_not_nest_on_one_database(database):
    with pytest.raises(NestedUnitOfWork):
        database.sync.read(lambda: database.sync.read(int))
    with pytest.raises(NestedUnitOfWork):
        database.sync.write(lambda tx: database.sync.write(lambda tx: 1))


def test_a_unit_of_work_may_use_another_database(tmp_path):
    first, second = (open_(f"sqlite:///{tmp_path / name}.db") for name in ("a", "b"))
    first.sync.write(add, "first")

    def copy(tx):
        for owner in first.sync.read(owners):
            add(tx, owner + " in second")

    second.sync.write(copy)
    assert second.sync.read(owners) == {"first in second"}
    first.close()
    second.close()


def test_reading_cannot_write(database, make_tables):
    make_tables(Note)
    with pytest.raises(peewee.DatabaseError):
        database.sync.read(lambda: Note.create(owner="sneaky").id)
    database.sync.write(add, "honest")
    assert database.sync.read(owners) == {"honest"}


def test_a_forked_child_is_refused_and_not_left_waiting(database):
    database.sync.read(int)
    child = os.fork()
    if child == 0:  # leave at once: nothing of pytest's may run twice
        try:
            database.sync.read(int)
        except RuntimeError as error:
            os._exit(0 if "fork" in str(error) else 2)
        os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_read_is_one_snapshot(database, make_tables):
    make_tables(Note)

    def look_twice():
        before = owners()
        writer = threading.Thread(target=database.sync.write, args=(add, "meanwhile"))
        writer.start()
        writer.join()
        return before, owners()

    before, after = database.sync.read(look_twice)
    assert before == after == set()
    assert database.sync.read(owners) == {"meanwhile"}
