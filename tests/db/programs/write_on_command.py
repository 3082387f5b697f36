"""For each line on its input, writes to a table and prints the time of the commit."""

from __future__ import annotations

import sys
import time

import peewee

from changemaker_core.db import Database, Model, Tx


class Entry(Model):
    value = peewee.TextField()

    class Meta:
        table_name = "test_entry"


def add(tx: Tx, value: str) -> None:
    Entry.create(value=value)


database = Database.open(sys.argv[1])
for line in sys.stdin:
    database.sync.write(add, line)
    print(time.monotonic(), flush=True)
database.close()
