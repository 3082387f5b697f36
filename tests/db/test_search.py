"""Search, blind to case and accents, with the same result on both databases."""

from __future__ import annotations

import peewee
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from changemaker_core.db import Model, Query, compiled, migrations, search
from changemaker_core.db.folding import fold


class Place(Model):
    name = peewee.TextField(null=True)

    class Meta:
        table_name = "searchtest_place"


@compiled(str)
def named(text: str | None = None) -> Query:
    query = Place.select(Place.name)
    return query.where(search(Place.name, text)) if text is not None else query


NAMES = [
    "Montréal",
    "MONTREAL-EST",
    "Łódź",
    "Straße 7",
    "50 % off",
    "a_b",
    "a\\b",
    "Σίσυφος",
    "Œuvre",
]


@pytest.fixture
def places(database):
    migrations.apply(database, [migrations.CORE])

    def fill(tx):
        tx.database.create_tables([Place])
        tx.insert_rows(Place, ["name"], [(name,) for name in [*NAMES, None]])

    database.sync.write(fill)
    return database


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("montreal", ["Montréal", "MONTREAL-EST"]),
        ("MONTRÉ", ["Montréal", "MONTREAL-EST"]),
        ("lodz", ["Łódź"]),
        ("strasse  7 ", ["Straße 7"]),
        ("%", ["50 % off"]),
        ("_", ["a_b"]),
        ("\\", ["a\\b"]),
        ("ΣΊΣΥΦΟΣ", ["Σίσυφος"]),
        ("oeuvre", ["Œuvre"]),
        ("'; DROP TABLE searchtest_place; --", []),
        ("", NAMES),
    ],
)
async def test_what_is_found(places, text, found):
    assert sorted(await places.all(named(text))) == sorted(found)
    assert await places.count(named(text)) == len(found)
    not_compiled = await places.read(
        lambda: [each.name for each in Place.select().where(search(Place.name, text))]
    )
    assert sorted(not_compiled) == sorted(found)


async def test_it_is_a_condition_like_any_other(places):
    def names():
        either = search(Place.name, "lodz") | search(Place.name, "oeuvre")
        query = Place.select(Place.name).where(either & ~search(Place.name, "Ł"))
        return [each.name for each in query]

    assert await places.read(names) == ["Œuvre"]


def test_both_databases_fold_alike(places):
    """PostgreSQL has its own function, which must agree letter by letter."""
    letters = st.characters(max_codepoint=0x24F, exclude_categories=["Cc", "Cs"])
    more = st.sampled_from("ΑάΣσςЖжЁёИйẞßﬁ①İıÅﷺ")

    @settings(max_examples=100, suppress_health_check=list(HealthCheck), deadline=None)
    @given(text=st.text(letters | more, max_size=15))
    def each(text):
        found = places.sync.read(
            lambda: Place.select(peewee.fn.core_fold(peewee.Value(text))).limit(1).scalar()
        )
        assert found == fold(text)

    each()


@pytest.mark.database("postgresql")
def test_an_index_of_trigrams_serves_it(places):
    """As docs/guides/database.md shows it, for tables of very many rows."""

    def plan(tx):
        tx.database.execute_sql("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        tx.database.execute_sql(
            "CREATE INDEX searchtest_place_search ON searchtest_place"
            " USING gin (core_fold(name) gin_trgm_ops)"
        )
        tx.database.execute_sql("SET LOCAL enable_seqscan = off")
        sql, values = Place.select().where(search(Place.name, "montreal")).sql()
        return tx.database.execute_sql(f"EXPLAIN {sql}", values).fetchall()

    assert "searchtest_place_search" in str(places.sync.write(plan))
