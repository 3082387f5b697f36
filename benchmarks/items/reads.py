"""Public reads: one campaign, and a list of fifty with its total."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import checks, rounds
from benchmarks import contenders as who
from benchmarks.items.item import Bench, Item
from benchmarks.load import Gets
from benchmarks.results import Result, Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.contenders import Contender, Running

WARM = "One of 1,000 campaigns, SQLite, cache on"
COLD = "One of 1,000 campaigns, SQLite, cache off"
COLD_POSTGRESQL = "One of 1,000 campaigns, PostgreSQL, cache off"
LIST = "List of 50 with total, SQLite, cache off"


def _gets(running: Running) -> Gets:
    return Gets(running.get_paths)


def _list(running: Running) -> Gets:
    return Gets([running.contender.list])


def _one(bench: Bench, name: str, title: str, contenders: Sequence[Contender]) -> Result:
    result = bench.result(name, title)
    server = [bench.postgresql.pid] if bench.postgresql else []
    with bench.running(contenders) as running:
        checks.same_campaigns(running)
        result.measurements = rounds.alternate(
            running, _gets, bench.effort, missing=bench.missing, others=server
        )
    return result


def warm(bench: Bench) -> Result:
    """The product's cached responses beside the fresh ones of its peers."""
    result = _one(
        bench,
        "get-warm",
        WARM,
        (
            who.OURS,
            who.OURS_GRANIAN,
            who.FASTIFY,
            who.EXPRESS,
            who.PRISMA,
            who.FASTAPI,
            who.DJANGO,
            who.STRAPI,
        ),
    )
    ours = who.OURS.name
    result.aim(ours, who.FASTIFY.name, 1.0, "Fastify + better-sqlite3")
    result.aim(ours, who.PRISMA.name, 9.0, "Express + Prisma")
    result.aim(ours, who.STRAPI.name, 100.0, "Strapi")
    result.aim(who.OURS_GRANIAN.name, who.FASTIFY.name, 1.2, "on granian: Fastify + better-sqlite3")
    own = result.of(ours)
    if own is not None:
        p99, rss = own.median("p99 ms"), own.median("RSS MB")
        result.targets += [
            Target(text="p99", value=p99, bound=10.0, at_least=False, unit="ms"),
            Target(text="resident memory", value=rss, bound=100.0, at_least=False, unit="MB"),
        ]
    return result


def cold(bench: Bench) -> Result:
    """Every contender queries the database each time."""
    result = _one(
        bench,
        "get-cold-sqlite",
        COLD,
        (who.OURS_UNCACHED, who.FASTIFY, who.EXPRESS, who.PRISMA, who.FASTAPI, who.DJANGO),
    )
    ours = who.OURS_UNCACHED.name
    result.aim(ours, who.FASTIFY.name, 0.65, "Fastify + better-sqlite3")
    return result


def cold_postgresql(bench: Bench) -> Result:
    """The same over a socket; the database runs on the clients' core."""
    result = _one(
        bench,
        "get-cold-postgresql",
        COLD_POSTGRESQL,
        (
            who.OURS_POSTGRESQL_UNCACHED,
            who.OURS_POSTGRESQL,
            who.DRIZZLE,
            who.PRISMA_POSTGRESQL,
            who.FASTAPI_POSTGRESQL,
            who.DJANGO_POSTGRESQL,
        ),
    )
    ours = who.OURS_POSTGRESQL_UNCACHED.name
    result.aim(ours, who.DRIZZLE.name, 1.0, "Fastify + drizzle + pg")
    return result


def many(bench: Bench) -> Result:
    """Fifty cards and how many there are."""
    result = bench.result("list-sqlite", LIST)
    contenders = (
        who.OURS_UNCACHED,
        who.FASTIFY,
        who.EXPRESS,
        who.PRISMA,
        who.FASTAPI,
        who.DJANGO,
        who.STRAPI,
    )
    with bench.running(contenders) as running:
        checks.same_lists(running)
        result.measurements = rounds.alternate(running, _list, bench.effort, missing=bench.missing)
    ours = who.OURS_UNCACHED.name
    result.aim(ours, who.FASTIFY.name, 0.9, "Fastify + better-sqlite3")
    return result


ITEMS = (
    Item("get-warm", WARM, warm),
    Item("get-cold-sqlite", COLD, cold),
    Item("get-cold-postgresql", COLD_POSTGRESQL, cold_postgresql, needs_postgresql=True),
    Item("list-sqlite", LIST, many),
)
