"""Statements of which it is certain that they write rows of known keys, and hostile ones."""

from __future__ import annotations

import peewee
import pytest

from changemaker_core.db import JSONField, Model, UUIDField, new_id
from changemaker_core.db.context import Unit, running
from changemaker_core.db.dialects import COMPILERS
from changemaker_core.db.tracking import merge, statement_writes, tables_of
from changemaker_core.db.tracking.models import key_of
from changemaker_core.db.tracking.tags import MOST_ROWS


class Item(Model):
    id = UUIDField(primary_key=True, default=new_id)
    name = peewee.TextField(unique=True)
    extra = JSONField(null=True)
    parent = peewee.ForeignKeyField("self", null=True)

    class Meta:
        table_name = "rowtest_item"


class Count(Model):
    item = peewee.ForeignKeyField(Item, primary_key=True, on_delete="CASCADE")
    number = peewee.IntegerField(default=0)

    class Meta:
        table_name = "rowtest_count"


class Numbered(Model):
    name = peewee.TextField()

    class Meta:
        table_name = "rowtest_numbered"


class Tree(Model):
    parent = peewee.ForeignKeyField("self", null=True, on_delete="CASCADE")

    class Meta:
        table_name = "rowtest_tree"


class Pair(Model):
    one = peewee.IntegerField()
    other = peewee.IntegerField()

    class Meta:
        table_name = "rowtest_pair"
        primary_key = peewee.CompositeKey("one", "other")


class Loose(Model):
    name = peewee.TextField(primary_key=True, collation="NOCASE")

    class Meta:
        table_name = "rowtest_loose"


ID = "0190e2c4-7f3e-7abc-8def-000000000001"
OTHER = "0190e2c4-7f3e-7abc-8def-000000000002"
ITEM, COUNT, NUMBERED = "rowtest_item", "rowtest_count", "rowtest_numbered"


def tag(table, value):
    return key_of(table).tag(value)


QUERIES = [
    (lambda: Item.insert(id=ID, name="a"), {tag(ITEM, ID)}),
    (lambda: Item.insert(id=ID, name="a").on_conflict_ignore(), {tag(ITEM, ID)}),
    (
        lambda: Item.insert_many([{"id": ID, "name": "a"}, {"id": OTHER, "name": "b"}]),
        {tag(ITEM, ID), tag(ITEM, OTHER)},
    ),
    (lambda: Item.update(name="b", extra={"a": ["'"]}).where(Item.id == ID), {tag(ITEM, ID)}),
    (lambda: Count.update(number=Count.number + 1).where(Count.item == ID), {tag(COUNT, ID)}),
    (
        lambda: Item.update(name="b").where(
            Item.name.in_(["a", "b"]), (Item.extra.is_null()) | (Item.name == "x"), Item.id == ID
        ),
        {tag(ITEM, ID)},
    ),
    (
        lambda: Item.update(name="b").where(Item.id == ID).returning(Item.id, Item.name),
        {tag(ITEM, ID)},
    ),
    (lambda: Item.delete().where(Item.id == ID), {tag(ITEM, ID), COUNT}),
    (lambda: Count.delete().where(Count.item == ID), {tag(COUNT, ID)}),
    (lambda: Numbered.update(name="a").where(Numbered.id == 7), {tag(NUMBERED, 7)}),
    (
        lambda: Item.insert(id=ID, name="a").on_conflict(
            conflict_target=[Item.id], update={Item.name: "b"}
        ),
        {tag(ITEM, ID)},
    ),
    # And what may be other rows, or more:
    (lambda: Numbered.insert(name="a"), {NUMBERED}),
    (lambda: Item.update(name="b"), {ITEM}),
    (lambda: Item.update(name="b").where(Item.name == "a"), {ITEM}),
    (lambda: Item.update(name="b").where((Item.id == ID) | (Item.name == "a")), {ITEM}),
    (lambda: Item.update(name="b").where(~(Item.id == ID)), {ITEM}),
    (lambda: Item.update(name="b").where(Item.id != ID), {ITEM}),
    (lambda: Item.update(name="b").where(Item.id.in_([ID])), {ITEM}),
    (lambda: Item.update(id=OTHER).where(Item.id == ID), {ITEM}),
    (lambda: Item.update(name="b").where(Item.id == Item.parent), {ITEM}),
    (lambda: Item.delete(), {ITEM, COUNT}),
    (lambda: Tree.delete().where(Tree.id == 1), {"rowtest_tree"}),
    (lambda: Pair.update(other=2).where(Pair.one == 1, Pair.other == 1), {"rowtest_pair"}),
    (lambda: Loose.update(name="b").where(Loose.name == "a"), {"rowtest_loose"}),
    (
        lambda: Item.insert(id=ID, name="a").on_conflict(
            conflict_target=[Item.name], update={Item.parent: None}
        ),
        {ITEM},
    ),
    (
        lambda: Item.insert(id=ID, name="a").on_conflict(
            conflict_target=[Item.id], update={Item.id: OTHER}
        ),
        {ITEM},
    ),
    (
        lambda: Item.update(name="b").where(peewee.SQL("1 = 1 OR name = 'a'") & (Item.id == ID)),
        {ITEM},
    ),
    (
        lambda: Item.update(name="b").where((Item.id == ID) & peewee.SQL("1 = 1 OR 2 = 2")),
        {ITEM},
    ),
]


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
@pytest.mark.parametrize(("query", "tags"), QUERIES)
def test_what_peewee_writes(query, tags, dialect):
    with running(Unit(COMPILERS[dialect])):
        assert statement_writes(*query().sql()) == tags


@pytest.mark.parametrize("number", [MOST_ROWS, MOST_ROWS + 1])
def test_many_rows_are_the_table(number):
    ids = [new_id() for _ in range(number)]
    with running(Unit(COMPILERS["sqlite"])):
        sql, values = Item.insert_many([{"id": id, "name": id} for id in ids]).sql()
    rows = {tag(ITEM, id) for id in ids}
    assert statement_writes(sql, values) == (rows if number == MOST_ROWS else {ITEM})


UPDATE = 'UPDATE "rowtest_item" SET "name" = ? WHERE ("rowtest_item"."id" = ?)'


@pytest.mark.parametrize(
    "sql",
    [
        UPDATE.replace(" WHERE", ' , "id" = "name" WHERE'),
        UPDATE.replace(" WHERE", ' , "ID" = "name" WHERE'),
        UPDATE.replace(" WHERE", ', ("id", "parent_id") = ("parent_id", "id") WHERE'),
        UPDATE.replace(" WHERE", ", id = 'x' WHERE"),
        UPDATE.replace(" WHERE", ', "rowid" = 5 WHERE'),
        UPDATE + " OR 1 = 1",
        UPDATE + ' OR ("rowtest_item"."id" = "rowtest_item"."id")',
        UPDATE.replace("?)", "? OR 1 = 1)"),
        UPDATE.replace("?)", "?) -- )"),
        UPDATE.replace("?)", "/* ) */ ? OR 1 = 1)"),
        UPDATE.replace("= ?)", "= ? || 'x')"),
        UPDATE.replace("= ?)", "= (?))"),
        UPDATE.replace("= ?)", "= ?::uuid)"),
        UPDATE.replace("= ?)", "= ?1)"),
        UPDATE.replace("= ?)", "= :id)"),
        UPDATE.replace("= ?)", "= %(id)s)"),
        UPDATE.replace("= ?)", "= %s)"),
        UPDATE.replace("= ?", "= ? COLLATE NOCASE"),
        UPDATE.replace("= ?)", "> ?)"),
        UPDATE.replace('"rowtest_item"."id"', '"other"."id"'),
        UPDATE.replace('"rowtest_item"."id"', '"id"'),
        UPDATE.replace('"rowtest_item"."id"', 'LOWER("rowtest_item"."id")'),
        UPDATE.replace('("rowtest_item"."id" = ?)', '"rowtest_item"."id" = ?'),
        UPDATE.replace('"rowtest_item"."id" =', '"rowtest_item"."i""d" ='),
        UPDATE.replace("WHERE (", "WHERE NOT ("),
        UPDATE.replace('UPDATE "rowtest_item"', 'UPDATE "rowtest_item" AS "x"'),
        UPDATE.replace("UPDATE", "UPDATE OR REPLACE"),
        UPDATE.replace("= ? WHERE", "= (SELECT 1 WHERE (1 = ?)) OR ("),
        'WITH "x" AS (SELECT 1) ' + UPDATE,
        UPDATE.replace("UPDATE", "UPDATE ONLY"),
        "; ".join([UPDATE, 'DELETE FROM "rowtest_item"']),
        UPDATE.replace('"name" = ?', '"name" = E\'\\\' WHERE ("rowtest_item"."id" = ?)\''),
        'DELETE FROM "rowtest_item" USING "x" WHERE ("rowtest_item"."id" = ?)',
        'DELETE FROM "rowtest_item" AS "x" WHERE ("rowtest_item"."id" = ?)',
        'INSERT OR REPLACE INTO "rowtest_item" ("id") VALUES (?)',
        'REPLACE INTO "rowtest_item" ("id") VALUES (?)',
        'INSERT INTO "rowtest_item" ("id") SELECT ?',
        'INSERT INTO "rowtest_item" ("id") VALUES (LOWER(?))',
        'INSERT INTO "rowtest_item" ("id") VALUES (?), (DEFAULT)',
        'INSERT INTO "rowtest_item" ("id", "name") VALUES (?)',
        'INSERT INTO "rowtest_item" VALUES (?)',
        'INSERT INTO "rowtest_item" DEFAULT VALUES',
    ],
)
def test_what_is_not_exactly_so_writes_the_table(sql):
    written = statement_writes(sql, [ID] * sql.replace("%s", "?").count("?"))
    assert written is None or (ITEM in written and not any("#" in tag for tag in written))


@pytest.mark.parametrize("values", [None, (), (ID,), [ID] * 3, {"id": ID}, "ab", [ID, None]])
def test_parameters_that_do_not_fit_write_the_table(values):
    assert statement_writes(UPDATE, values) == {ITEM}


@pytest.mark.parametrize(
    ("table", "one", "same"),
    [
        (ITEM, ID, ID.upper()),
        (ITEM, ID, ID.replace("-", "")),
        (ITEM, ID, "0190-e2c4-7f3e-7abc-8def000000000001"),
    ],
)
def test_what_is_one_row_to_the_database_has_one_tag(table, one, same):
    assert tag(table, one) == tag(table, same) != table


@pytest.mark.parametrize(
    ("table", "value"),
    [
        (ITEM, "{" + ID + "}"),
        (ITEM, 5),
        (ITEM, None),
        (NUMBERED, "07"),
        (NUMBERED, 7.0),
        (NUMBERED, True),
    ],
)
def test_a_value_in_doubt_is_the_table(table, value):
    assert tag(table, value) == table


def test_another_model_of_a_table_with_another_key_puts_it_in_doubt():
    assert statement_writes(UPDATE, [ID, ID]) == {tag(ITEM, ID)}

    class Elsewhere(Model):
        name = peewee.TextField(primary_key=True)

        class Meta:
            table_name = "rowtest_twice"

    sql = 'UPDATE "rowtest_twice" SET "x" = ? WHERE ("rowtest_twice"."name" = ?)'
    assert statement_writes(sql, ["a", "b"]) == {tag("rowtest_twice", "b")}

    class Again(Model):
        number = peewee.IntegerField(primary_key=True)

        class Meta:
            table_name = "rowtest_twice"

    assert statement_writes(sql, ["a", "b"]) == {"rowtest_twice"}


def test_very_many_rows_of_one_table_are_the_table():
    few, many = (
        {f"{name}#{n:02x}" for n in range(count)}
        for name, count in (("few", MOST_ROWS), ("many", MOST_ROWS + 1))
    )
    assert merge([frozenset(few)]) == few
    assert merge([frozenset(few), frozenset(many | {"third"})]) == few | {"many", "third"}
    assert merge([frozenset(few | many | {"few"})]) == {"few", "many"}
    assert tables_of(few | {"third"}) == {"few", "third"}
