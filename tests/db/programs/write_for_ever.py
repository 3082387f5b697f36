"""Writes numbers until it is killed; prints each once its write is acknowledged."""

from __future__ import annotations

import sys
import threading

import peewee

from changemaker_core.db import Database, Model, Tx


class Number(Model):
    number = peewee.IntegerField(primary_key=True)

    class Meta:
        table_name = "test_number"


def add(tx: Tx, number: int) -> int:
    Number.create(number=number)
    return number


def main(url: str, first: int) -> None:
    database = Database.open(url)
    lock = threading.Lock()

    def write(start: int) -> None:
        for number in range(start, start + 1_000_000, 8):
            done = database.sync.write(add, number)
            with lock:
                sys.stdout.write(f"{done}\n")
                sys.stdout.flush()

    for thread in range(8):
        threading.Thread(target=write, args=(first + thread,)).start()


main(sys.argv[1], int(sys.argv[2]))
