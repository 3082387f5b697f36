"""A new campaign: validated, committed to the disk, returned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import checks, data, rounds
from benchmarks import contenders as who
from benchmarks.items.item import Bench, Item
from benchmarks.load import Posts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.contenders import Contender, Running
    from benchmarks.results import Result

SQLITE = "Validated create, SQLite"
POSTGRESQL = "Validated create, PostgreSQL"
NOTE = (
    "Every commit is flushed to the disk, except where the name says synchronous=NORMAL. Only "
    "Changemaker checks who is asking and keeps its addresses unique beforehand."
)


def _post(running: Running) -> Posts:
    return Posts(data.template(), running.token)


def _create(bench: Bench, name: str, title: str, contenders: Sequence[Contender]) -> Result:
    result = bench.result(name, title)
    result.notes.append(NOTE)
    server = [bench.postgresql.pid] if bench.postgresql else []
    with bench.running(contenders) as running:
        checks.same_creation(running)
        result.measurements = rounds.alternate(
            running, _post, bench.effort, missing=bench.missing, others=server
        )
    return result


def sqlite(bench: Bench) -> Result:
    """On SQLite."""
    result = _create(
        bench,
        "create-sqlite",
        SQLITE,
        (
            who.OURS,
            who.FASTIFY,
            who.FASTIFY_NORMAL,
            who.EXPRESS,
            who.PRISMA,
            who.FASTAPI,
            who.DJANGO,
        ),
    )
    result.aim(who.OURS.name, who.FASTIFY.name, 0.8, "Fastify + ajv + better-sqlite3")
    result.aim(
        who.OURS.name,
        who.FASTIFY_NORMAL.name,
        0.8,
        "the same, which may lose its last commits with the power",
    )
    return result


def postgresql(bench: Bench) -> Result:
    """On PostgreSQL; the database runs on the clients' core."""
    result = _create(
        bench,
        "create-postgresql",
        POSTGRESQL,
        (
            who.OURS_POSTGRESQL,
            who.DRIZZLE,
            who.PRISMA_POSTGRESQL,
            who.FASTAPI_POSTGRESQL,
            who.DJANGO_POSTGRESQL,
        ),
    )
    ours = who.OURS_POSTGRESQL.name
    result.aim(ours, who.PRISMA_POSTGRESQL.name, 1.0, "Express + Prisma")
    return result


ITEMS = (
    Item("create-sqlite", SQLITE, sqlite),
    Item("create-postgresql", POSTGRESQL, postgresql, needs_postgresql=True),
)
