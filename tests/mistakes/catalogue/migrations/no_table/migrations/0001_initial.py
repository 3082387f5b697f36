"""The benches."""

from __future__ import annotations


def up(migrator, database):
    database.execute_sql("CREATE TABLE parks_seat (id UUID NOT NULL PRIMARY KEY)")


def down(migrator, database):
    database.execute_sql("DROP TABLE parks_seat")
