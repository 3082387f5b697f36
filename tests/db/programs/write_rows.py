"""Threads of one process that write; prints how long the longest write and all took (JSON)."""

from __future__ import annotations

import json
import sys
import threading
import time

import peewee

from changemaker_core.db import Database, Model, Tx, UUIDField, new_id


class Row(Model):
    id = UUIDField(primary_key=True, default=new_id)
    who = peewee.TextField()

    class Meta:
        table_name = "test_row"


def add(tx: Tx, who: str) -> None:
    Row.create(who=who)


def main(url: str, name: str, threads: int, writes: int) -> None:
    database = Database.open(url)
    longest: list[float] = []
    errors: list[str] = []

    def write(number: int) -> None:
        for index in range(writes):
            began = time.perf_counter()
            try:
                database.sync.write(add, f"{name}-{number}-{index}")
            except Exception as error:
                errors.append(repr(error))
            longest.append(time.perf_counter() - began)

    print("ready", flush=True)
    sys.stdin.readline()
    workers = [threading.Thread(target=write, args=(number,)) for number in range(threads)]
    began = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    took = time.perf_counter() - began
    database.close()
    print(json.dumps({"longest": max(longest), "took": took, "errors": errors}))


main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
