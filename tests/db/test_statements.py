"""Which tables a statement reads and writes."""

from __future__ import annotations

import peewee
import pytest

from changemaker_core.db import Model
from changemaker_core.db.tracking import statement_reads, statement_writes


class Land(Model):
    class Meta:
        table_name = "test_land"


class Town(Model):
    land = peewee.ForeignKeyField(Land, on_delete="CASCADE")

    class Meta:
        table_name = "test_town"


class Street(Model):
    town = peewee.ForeignKeyField(Town, on_delete="SET NULL", null=True)

    class Meta:
        table_name = "test_street"


class Tree(Model):
    street = peewee.ForeignKeyField(Street)

    class Meta:
        table_name = "test_tree"


ALL_OF_LAND = {"test_land", "test_town", "test_street"}


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ('INSERT INTO "test_land" ("id") VALUES (?)', {"test_land"}),
        ("insert into test_land values (1), (2)", {"test_land"}),
        ('INSERT INTO "public"."other" ("a") VALUES (\'UPDATE x SET y\')', {"other"}),
        ('UPDATE "test_tree" SET "a" = ?', {"test_tree"}),
        ('DELETE FROM "test_land" WHERE ("test_land"."id" = ?)', ALL_OF_LAND),
        ('DELETE FROM "test_town"', {"test_town", "test_street"}),
        ('DELETE FROM "test_street"', {"test_street"}),
        ('INSERT OR REPLACE INTO "test_land" VALUES (1)', ALL_OF_LAND),
        ('INSERT OR IGNORE INTO "test_tree" VALUES (1)', {"test_tree"}),
        ("REPLACE INTO test_tree VALUES (1)", {"test_tree"}),
        (
            'INSERT INTO "test_tree" ("a") VALUES (?) ON CONFLICT ("a") DO UPDATE SET "a" = 2',
            {"test_tree"},
        ),
        (
            'WITH gone AS (DELETE FROM "test_street" RETURNING id)'
            ' INSERT INTO "test_tree" SELECT id FROM gone',
            {"test_street", "test_tree"},
        ),
        ('WITH x AS (SELECT 1) SELECT * FROM x, "test_tree" FOR UPDATE SKIP LOCKED', set()),
        ("SELECT replace(name, 'a', 'b') FROM test_tree", set()),
        ("SELECT \"update\", 'DELETE FROM test_land' FROM test_tree FOR NO KEY UPDATE", set()),
        ("/* DELETE FROM test_land */ SELECT 1 -- UPDATE test_tree", set()),
        ("SELECT 1; DELETE FROM test_tree", {"test_tree"}),
        ("UPDATE ONLY test_tree SET a = 1", {"test_tree"}),
        ("UPDATE OR IGNORE test_tree SET a = 1", {"test_tree"}),
        ("SELECT pg_notify('a', 'b'); COMMIT", set()),
        ("SAVEPOINT x", set()),
        ("PRAGMA query_only = 1", set()),
        ("", set()),
    ],
)
def test_tables_written(sql, tables):
    assert statement_writes(sql) == tables


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE a (id INTEGER)",
        "DROP TABLE test_land",
        "ALTER TABLE test_land ADD COLUMN a",
        "TRUNCATE test_land",
        "VACUUM",
        "DO $$ BEGIN DELETE FROM test_land; END $$",
        "CALL something()",
        "COPY test_land FROM STDIN",
    ],
)
def test_a_statement_that_is_not_understood_writes_everything(sql):
    assert statement_writes(sql) is None


def test_bulk_inserts_are_understood_without_reading_them_all():
    rows = ", ".join(["(?)"] * 100_000)
    head = 'INSERT INTO "test_tree" ("a") VALUES '
    assert statement_writes(head + rows) == {"test_tree"}


def test_tables_read():
    sql = (
        'SELECT "t1"."id", (SELECT COUNT(*) FROM "test_tree") FROM "test_land" AS "t1"'
        ' INNER JOIN "test_town" AS "t2" ON ("t2"."land_id" = "t1"."id"), test_street'
        " WHERE EXISTS (SELECT 1 FROM unmodelled)"
    )
    assert statement_reads(sql).tables >= ALL_OF_LAND | {"test_tree", "unmodelled"}
    assert "test_town" not in statement_reads('SELECT * FROM "test_land"').tables


def test_models_defined_later_are_known():
    assert statement_writes('DELETE FROM "test_tree"') == {"test_tree"}

    class Leaf(Model):
        tree = peewee.ForeignKeyField(Tree, on_delete="CASCADE")

        class Meta:
            table_name = "test_leaf"

    assert statement_writes('DELETE FROM "test_tree"') == {"test_tree", "test_leaf"}
