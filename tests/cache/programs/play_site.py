"""One web process of a site whose pages are read, and written, in many ways.

``play_site.py FOLDER DATABASE_URL [REDIS_URL]`` prints its port once it serves. Each page is there
twice: under ``/cached`` from the cache, and under ``/fresh`` as the database has it.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

import peewee

from changemaker_core import (
    Body,
    Config,
    Model,
    NotFound,
    Plugin,
    Query,
    Route,
    Tx,
    UUIDField,
    compiled,
    endpoint,
    hookimpl,
    new_id,
)
from changemaker_core.app import create_app
from changemaker_core.server.web import serve_app

OFTEN = "1000000/minute"


class Town(Model):
    id = UUIDField(primary_key=True, default=new_id)
    slug = peewee.CharField(unique=True)
    name = peewee.TextField()

    class Meta:
        table_name = "play_town"


class Tally(Model):
    town = peewee.ForeignKeyField(Town, primary_key=True, lazy_load=False, on_delete="CASCADE")
    number = peewee.IntegerField(default=0)

    class Meta:
        table_name = "play_tally"


class Street(Model):
    town = peewee.ForeignKeyField(Town, lazy_load=False, on_delete="CASCADE")
    name = peewee.TextField()

    class Meta:
        table_name = "play_street"


class Shown(Body):
    id: str
    name: str
    number: int | None = None


class Order(Body):
    what: str
    id: str
    other: str
    slug: str
    name: str


TALLIED = Town.select(Town.id, Town.name, Tally.number).join(Tally, on=Tally.town == Town.id)


@compiled(Shown)
def by_id(id: str) -> Query:
    return TALLIED.where(Town.id == id)


@compiled(Shown)
def by_slug(slug: str) -> Query:
    return TALLIED.where(Town.slug == slug, Town.name != "hidden")


@compiled(Shown)
def alone(id: str) -> Query:
    return Town.select(Town.id, Town.name).where(Town.id == id)


@compiled(Shown)
def ranking() -> Query:
    return TALLIED.order_by(Tally.number.desc(), Town.id).limit(3)


@compiled(str)
def streets(town: str) -> Query:
    return Street.select(Street.name).where(Street.town == town).order_by(Street.id)


def names() -> list[str]:
    return [town.name for town in Town.select(Town.name).order_by(Town.id)]


def names_raw() -> list[str]:
    cursor = Town._meta.database.cursor()
    cursor.execute("SELECT name FROM play_town ORDER BY id")
    return [name for (name,) in cursor.fetchall()]


def insert(tx: Tx, order: Order) -> None:
    Town.insert(id=order.id, slug=order.slug, name=order.name).execute()
    Tally.insert(town=order.id).execute()


def upsert(tx: Tx, order: Order) -> None:
    insert = Town.insert(id=order.id, slug=order.slug, name=order.name)
    insert.on_conflict(conflict_target=[Town.id], update={Town.name: order.name}).execute()


def upsert_by_slug(tx: Tx, order: Order) -> None:
    insert = Town.insert(id=order.id, slug=order.slug, name=order.name)
    insert.on_conflict(conflict_target=[Town.slug], update={Town.name: order.name}).execute()


def rename(tx: Tx, order: Order) -> None:
    Town.update(name=order.name).where(Town.id == order.id).execute()


def move(tx: Tx, order: Order) -> None:
    Town.update(slug=order.slug).where(Town.id == order.id).execute()


def swap(tx: Tx, order: Order) -> None:
    one, other = (Town.get_or_none(Town.id == id) for id in (order.id, order.other))
    if one and other and one is not other:
        for town, slug in ((one, "-"), (other, one.slug), (one, other.slug)):
            Town.update(slug=slug).where(Town.id == town.id).execute()


def count(tx: Tx, order: Order) -> None:
    Tally.update(number=Tally.number + 1).where(Tally.town == order.id).execute()


def count_raw(tx: Tx, order: Order) -> None:
    mark = "?" if tx.dialect == "sqlite" else "%s"
    tx.database.execute_sql(
        f"UPDATE play_tally SET number = number + 2 WHERE town_id = {mark}",  # noqa: S608
        (order.id,),
    )


def count_all(tx: Tx, order: Order) -> None:
    Tally.update(number=Tally.number + 1).where(Tally.number < 50).execute()


def rename_by_slug(tx: Tx, order: Order) -> None:
    Town.update(name=order.name).where(Town.slug == order.slug).execute()


def delete(tx: Tx, order: Order) -> None:
    Town.delete().where(Town.id == order.id).execute()


def delete_tally(tx: Tx, order: Order) -> None:
    Tally.delete().where(Tally.town == order.id).execute()


def add_tally(tx: Tx, order: Order) -> None:
    Tally.insert(town=order.id, number=7).on_conflict_ignore().execute()


def build(tx: Tx, order: Order) -> None:
    Street.insert(town=order.id, name=order.name).execute()


def half(tx: Tx, order: Order) -> None:
    """The first is taken back, the second stays."""
    try:
        with tx.savepoint():
            rename(tx, order)
            raise KeyError
    except KeyError:
        count(tx, order)


def fail(tx: Tx, order: Order) -> None:
    rename(tx, order)
    raise peewee.IntegrityError("taken back")


# Many rows at once, and the driver's own door


def bulk(tx: Tx, order: Order) -> None:
    rows = [(order.id, order.slug, order.name), (order.other, "-" + order.slug, order.name)]
    tx.insert_rows(Town, ["id", "slug", "name"], rows, "update")
    tx.insert_rows(Tally, ["town"], [(order.id,), (order.other,)], "skip")


def bulk_count(tx: Tx, order: Order) -> None:
    tx.insert_rows(Tally, ["town", "number"], [(order.id, 5)], "update")


def raw_rename(tx: Tx, order: Order) -> None:
    mark = "?" if tx.dialect == "sqlite" else "%s"
    tx.database.cursor().executemany(
        f"UPDATE play_town SET name = {mark} WHERE id = {mark}",  # noqa: S608
        [(order.name, order.id), (order.name, order.other)],
    )


def raw_declared(tx: Tx, order: Order) -> None:
    raw_rename(tx, order)
    tx.wrote(Town)


def raw_and_count(tx: Tx, order: Order) -> None:
    count(tx, order)
    raw_rename(tx, order)


WRITES = {
    write.__name__: write
    for write in (
        *(insert, upsert, upsert_by_slug, rename, move, swap, count, count_raw, count_all),
        *(rename_by_slug, delete, delete_tally, add_tally, build, half, fail),
        *(bulk, bulk_count, raw_rename, raw_declared, raw_and_count),
    )
}


class Writes:
    def __init__(self, site: Any) -> None:
        self.db = site.db

    @endpoint(public=True, body=Order, rate_limit=OFTEN)
    async def on_post(self, req: Any, resp: Any, *, body: Order) -> dict[str, bool]:
        try:
            await self.db.write(WRITES[body.what], body)
        except peewee.IntegrityError:
            return {"done": False}
        return {"done": True}


def pages(site: Any, seconds: int | None) -> Any:
    """A resource that shows what ``kind`` says."""

    class Pages:
        @endpoint(public=True, cache=seconds, rate_limit=OFTEN)
        async def on_get(self, req: Any, resp: Any, *, kind: str, which: str) -> Any:
            if kind == "streets":
                return await site.db.all(streets(which))
            if kind == "ranking":
                return await site.db.all(ranking())
            if kind == "names":
                return await site.db.read(names_raw if which == "raw" else names)
            query = {"id": by_id, "slug": by_slug, "alone": alone}[kind]
            shown = await site.db.one(query(which))
            if shown is None:
                raise NotFound
            return shown

    return Pages()


class PlayPlugin(Plugin):
    name = "play"

    @hookimpl
    def cm_register_models(self) -> list[type[Model]]:
        return [Town, Tally, Street]

    @hookimpl
    def cm_register_routes(self, site: Any) -> list[Route]:
        return [
            Route("/write", Writes(site)),
            Route("/cached/{kind}/{which}", pages(site, 60)),
            Route("/fresh/{kind}/{which}", pages(site, None)),
        ]


def create_tables(tx: Tx) -> None:
    tx.database.create_tables([Town, Tally, Street])


def main(folder: str, database_url: str, redis_url: str, row_tags: str) -> None:
    config = Config.for_tests(
        Path(folder),
        database_url=database_url,
        redis_url=redis_url or None,
        row_tags=row_tags == "True",
        api_rate_limit=1_000_000,
    )
    app = create_app(config, [PlayPlugin])
    app.site.db.sync.write(create_tables)
    door = socket.create_server(("127.0.0.1", 0))
    serve_app(app, door, started=lambda: print(door.getsockname()[1], flush=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
