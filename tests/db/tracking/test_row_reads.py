"""What a compiled query was read from: rows of known keys where that is certain, else tables."""

from __future__ import annotations

import asyncio
import random

import msgspec
import peewee
import pytest

from changemaker_core.db import Model, Query, UUIDField, compiled, new_id, read_tags
from changemaker_core.db.context import current_unit
from changemaker_core.db.tracking import channels_to_listen, channels_to_notify
from changemaker_core.db.tracking.models import key_of

JOIN = peewee.JOIN


class Town(Model):
    id = UUIDField(primary_key=True, default=new_id)
    slug = peewee.CharField(unique=True)
    name = peewee.TextField(default="")
    twin = peewee.ForeignKeyField("self", null=True, lazy_load=False)

    class Meta:
        table_name = "readtest_town"


class Tally(Model):
    town = peewee.ForeignKeyField(Town, primary_key=True, lazy_load=False)
    number = peewee.IntegerField(default=0)

    class Meta:
        table_name = "readtest_tally"


class Street(Model):
    town = peewee.ForeignKeyField(Town, lazy_load=False)
    name = peewee.TextField(default="")

    class Meta:
        table_name = "readtest_street"


class Loose(Model):
    id = UUIDField(primary_key=True, default=new_id)
    slug = peewee.CharField(unique=True, collation="NOCASE")

    class Meta:
        table_name = "readtest_loose"


class Row(msgspec.Struct):
    id: str | None = None
    name: str = ""
    number: int | None = None


TOWN, TALLY, STREET = "readtest_town", "readtest_tally", "readtest_street"
TALLIED = Town.select(Town.id, Town.name, Tally.number).join(Tally, on=Tally.town == Town.id)
PERHAPS = Town.select(Town.id, Town.name, Tally.number).join(
    Tally, JOIN.LEFT_OUTER, on=Tally.town == Town.id
)


@compiled(Row)
def by_id(id: str) -> Query:
    return Town.select(Town.id, Town.name).where(Town.id == id)


@compiled(Row)
def by_slug(slug: str) -> Query:
    return Town.select(Town.id, Town.name).where(Town.slug == slug)


@compiled(str)
def name_by_slug(slug: str) -> Query:
    return Town.select(Town.name).where(Town.slug == slug)


@compiled(Row)
def tallied_by_slug(slug: str) -> Query:
    return TALLIED.where(Town.slug == slug, Town.name != "hidden")


@compiled(Row)
def tallied_by_id(id: str) -> Query:
    return TALLIED.where(Town.id == id, Tally.number >= 0)


@compiled(Row)
def perhaps_by_slug(slug: str) -> Query:
    return PERHAPS.where(Town.slug == slug)


@compiled(Row)
def perhaps_by_id(id: str) -> Query:
    return PERHAPS.where(Town.id == id)


@compiled(Row)
def of_any_town(id: str) -> Query:
    """The other way round: every tally, of any town."""
    return (
        Tally.select(Tally.number, Town.id)
        .join(Town, JOIN.LEFT_OUTER, on=(Tally.town == Town.id) & (Town.id == id))
        .order_by(Tally.number)
        .limit(1)
    )


@compiled(Row)
def many_tallied(limit: int) -> Query:
    return TALLIED.order_by(Tally.number.desc(), Town.id).limit(limit)


@compiled(Row)
def many_perhaps(limit: int, offset: int) -> Query:
    return PERHAPS.order_by(Town.slug).limit(limit).offset(offset)


@compiled(Row)
def either(id: str, slug: str) -> Query:
    return Town.select(Town.id, Town.name).where((Town.id == id) | (Town.slug == slug))


@compiled(Row)
def but(id: str) -> Query:
    return Town.select(Town.id, Town.name).where(~(Town.id == id)).order_by(Town.slug).limit(1)


@compiled(Row)
def some(ids: list[str]) -> Query:
    return Town.select(Town.id, Town.name).where(Town.id.in_(ids)).order_by(Town.slug)


@compiled(Row)
def twinned(slug: str) -> Query:
    twin = Town.alias()
    return (
        Town.select(Town.id, twin.name.alias("name"))
        .join(twin, on=Town.twin == twin.id)
        .where(Town.slug == slug)
    )


@compiled(Row)
def counted(slug: str) -> Query:
    streets = Street.select(peewee.fn.COUNT(Street.id)).where(Street.town == Town.id)
    number = peewee.fn.COALESCE(streets, 0).alias("number")
    return Town.select(Town.id, Town.name, number).where(Town.slug == slug)


@compiled(int)
def summed(id: str) -> Query:
    return Tally.select(peewee.fn.SUM(Tally.number).alias("s")).where(Tally.town == id)


@compiled(Row)
def grouped(slug: str) -> Query:
    number = peewee.fn.COUNT(Street.id).alias("number")
    return (
        Town.select(Town.id, Town.name, number)
        .join(Street, on=Street.town == Town.id)
        .where(Town.slug == slug)
        .group_by(Town.id, Town.name)
    )


@compiled(Row)
def with_streets(id: str) -> Query:
    return (
        Town.select(Town.id, Street.name)
        .join(Street, on=Street.town == Town.id)
        .where(Town.id == id)
        .order_by(Street.id)
    )


@compiled(Row)
def united(id: str, slug: str) -> Query:
    first = Town.select(Town.id, Town.name).where(Town.id == id)
    return first | Town.select(Town.id, Town.name).where(Town.slug == slug)


@compiled(str)
def loose(slug: str) -> Query:
    return Loose.select(Loose.id).where(Loose.slug == slug)


@compiled(Row)
def raw(id: str) -> Query:
    return Town.select(Town.id, Town.name).where((Town.id == id) & peewee.SQL("1 = 1 OR 2 = 2"))


@pytest.fixture
def tables(database, make_tables):
    make_tables(Town, Tally, Street)
    return database


def reads(bound):
    """What a query was read from, as a cache collects it, inside of a unit of work."""
    token = read_tags.set(set())
    try:
        result = bound.all()
        return result, frozenset(read_tags.get())
    finally:
        read_tags.reset(token)


def test_which_are_read_by_row(tables):
    id, lonely = new_id(), new_id()

    def prepare(tx):
        Town.insert(id=id, slug="a").execute()
        Tally.insert(town=id).execute()
        Town.insert(id=lonely, slug="b").execute()

    def check():
        town, tally = key_of(TOWN).tag(id), key_of(TALLY).tag(id)
        expected = {
            by_id(id): {town},
            by_slug("a"): {town},
            by_slug("none"): {TOWN},
            name_by_slug("a"): {TOWN},
            tallied_by_slug("a"): {town, tally},
            tallied_by_slug("b"): {TOWN, TALLY},
            tallied_by_id(id): {town, tally},
            perhaps_by_slug("a"): {town, tally},
            perhaps_by_slug("b"): {key_of(TOWN).tag(lonely), key_of(TALLY).tag(lonely)},
            perhaps_by_id(id): {town, tally},
            of_any_town(id): {TALLY, town},
            many_tallied(1): {TOWN, TALLY},
            many_perhaps(1, 0): {TOWN, TALLY},
            either(id, "a"): {TOWN},
            but(id): {TOWN},
            twinned("a"): {TOWN},
            counted("a"): {TOWN, STREET},
            summed(id): {tally},
            grouped("a"): {TOWN, STREET},
            with_streets(id): {town, STREET},
            united(id, "a"): {TOWN},
        }
        for bound, tags in expected.items():
            assert (bound.query.name, reads(bound)[1]) == (bound.query.name, tags)

    tables.sync.write(prepare)
    tables.sync.read(check)


def test_a_column_with_a_collation_identifies_nothing(database, make_tables):
    if database.dialect == "sqlite":
        make_tables(Loose)
        database.sync.write(lambda tx: Loose.insert(slug="a").execute())
        assert database.sync.read(lambda: reads(loose("A"))[1]) == {"readtest_loose"}


def test_raw_sql_in_a_condition_is_not_trusted(tables):
    assert tables.sync.read(lambda: reads(raw(new_id()))[1]) == {TOWN}


async def test_tags_are_collected_wherever_the_query_runs(tables):
    id = await tables.write(lambda tx: Town.create(slug="a").id)
    collected = set()
    token = read_tags.set(collected)
    await tables.one(by_id(id))
    assert collected == {key_of(TOWN).tag(id)}
    tables.sync.one(by_id(id))
    assert collected == {key_of(TOWN).tag(id)}
    await tables.count(by_id(id))
    assert collected == {key_of(TOWN).tag(id), TOWN}
    read_tags.reset(token)


async def test_a_query_that_fails_was_read_from_its_tables(database):
    collected = set()
    token = read_tags.set(collected)
    with pytest.raises(peewee.PeeweeException):  # there is no such table
        await database.one(by_id(new_id()))
    assert collected == {TOWN}
    read_tags.reset(token)


class Play:
    """Random writes; after each, a query whose result changed must have been notified."""

    def __init__(self, seed):
        self.chance = random.Random(seed)  # noqa: S311  # not a secret
        self.ids = [new_id() for _ in range(6)]
        self.slugs = [*"abcdefgh"]

    def bounds(self):
        id, slug = self.chance.choice(self.ids), self.chance.choice(self.slugs)
        return [
            *(query(id) for query in (by_id, tallied_by_id, perhaps_by_id, of_any_town, but)),
            *(query(id) for query in (summed, with_streets)),
            *(query(slug) for query in (by_slug, name_by_slug, tallied_by_slug, perhaps_by_slug)),
            *(query(slug) for query in (twinned, counted, grouped)),
            *(query(id, slug) for query in (either, united)),
            *(many_tallied(3), many_perhaps(2, 1), some(self.ids[:2])),
        ]

    def write(self):
        chance = self.chance
        id, other = chance.sample(self.ids, 2)
        slug, number = chance.choice(self.slugs), chance.randrange(-1, 4)
        name = chance.choice(["hidden", "shown", "seen"])
        values = {"slug": slug, "name": name}
        return chance.choice(
            [
                Town.insert(id=id, **values).on_conflict_ignore(),
                Town.insert(id=id, **values).on_conflict(
                    conflict_target=[Town.id], update={Town.name: name}
                ),
                Town.insert(id=id, **values).on_conflict(
                    conflict_target=[Town.slug], update={Town.name: name}
                ),
                Town.update(**values).where(Town.id == id),
                Town.update(name=name).where(Town.slug == slug),
                Town.update(name=name).where(Town.id == id, Town.name == "seen"),
                Town.update(twin=other).where(Town.id == id),
                Town.update(id=other).where(Town.id == id),
                Town.delete().where(Town.id == id),
                Tally.insert(town=id, number=number).on_conflict_ignore(),
                Tally.insert_many([{"town": id}, {"town": other}]).on_conflict_ignore(),
                Tally.update(number=Tally.number + 1).where(Tally.town == id),
                Tally.update(town=other).where(Tally.town == id),
                Tally.update(number=number).where(Tally.number > 1),
                Tally.delete().where(Tally.town == id),
                Street.insert(town=id, name=name),
                Street.update(town=other).where(Street.town == id),
                Street.delete().where(Street.id == chance.randrange(1, 30)),
            ]
        )

    def run(self, tx, steps):
        unit = current_unit.get()
        changed = 0
        for _ in range(steps):
            bounds = self.bounds()
            before = [reads(bound) for bound in bounds]
            unit.changed.clear()
            try:
                with tx.savepoint():
                    self.write().execute()
            except peewee.IntegrityError:
                continue
            notified = channels_to_notify(unit.written)
            for bound, (result, tags) in zip(bounds, before, strict=True):
                if bound.all() != result:
                    listening = channels_to_listen(tags)
                    assert not notified.isdisjoint(listening), (bound, unit.written, tags)
                    changed += 1
        return changed


@pytest.mark.parametrize("row_tags", [True, False])
def test_a_reader_of_what_changed_is_notified(tables, row_tags):
    tables.engine.row_tags = row_tags
    assert tables.sync.write(Play(0).run, 400) > 100


@pytest.mark.database("sqlite")  # 400 steps take PostgreSQL some seconds
@pytest.mark.parametrize("row_tags", [True, False])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_reader_is_notified_whatever_is_written(tables, seed, row_tags):
    tables.engine.row_tags = row_tags
    assert tables.sync.write(Play(seed).run, 400) > 100


def test_without_row_tags_tables_are_read_and_written(tables):
    id = new_id()

    def write(tx):
        Town.insert(id=id, slug="a").execute()
        return reads(by_id(id))[1], current_unit.get().written

    by_row = key_of(TOWN).tag(id)
    assert tables.sync.write(write) == ({by_row}, {by_row})
    tables.sync.write(lambda tx: Town.delete().execute())
    tables.engine.row_tags = False
    assert tables.sync.write(write) == ({TOWN}, {TOWN})
    collected = set()
    token = read_tags.set(collected)
    tables.sync.one(by_id(id))
    asyncio.run(tables.one(by_id(id)))
    read_tags.reset(token)
    assert collected == {TOWN}
