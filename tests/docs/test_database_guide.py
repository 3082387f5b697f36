"""docs/guides/database.md: its examples run, in their order, and do what it says."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from changemaker_core import Plugin, Route
from changemaker_core.db import migrations
from changemaker_core.testing import client_of

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "database.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
VIEW = (
    "CREATE VIEW guide_busy_group AS SELECT g.name, count(m.id) AS members FROM guide_group g"
    " JOIN guide_member m ON m.group_id = g.id GROUP BY g.name"
)


@pytest.fixture(scope="module")
def guide():
    """The page as a module."""
    module = ModuleType("database_guide")
    sys.modules[module.__name__] = module
    for block in BLOCKS:
        exec(block, vars(module))  # noqa: S102  # our own page
    yield module
    del sys.modules[module.__name__]


@pytest.fixture
def club(guide, database):
    """The id of a group, in a database with the page's tables."""
    migrations.apply(database, [migrations.CORE])

    def create(tx):
        tx.database.create_tables([guide.Group, guide.Member])
        tx.database.execute_sql(VIEW)
        guide.Group.create(name="Empty")
        return guide.Group.create(name="Choir").id

    return database.sync.write(create)


async def test_rows_are_written_as_the_page_says(guide, database, club):
    await database.write(guide.remember, club, "a@b.example", "Ann")
    await database.write(guide.remember, club, "a@b.example", "Ann B.")
    ids = [await database.write(guide.add_or_find, club, "c@d.example") for _ in range(2)]
    assert ids[0] == ids[1]
    assert await database.read(guide.names_of_members, club) == ["Ann B.", "c@d.example"]
    await database.write(guide.count_visits, ["a@b.example", "c@d.example"])
    rows = await database.all(guide.groups())
    found = [(row.name, row.members, row.visits) for row in rows]
    assert found == [("Choir", 2, 4), ("Empty", 0, 0)]
    assert [row.name for row in await database.all(guide.groups(least=1))] == ["Choir"]


async def test_many_rows_are_imported_found_and_exported(guide, database, club):
    lines = [(f"M{number}@b.example", f"Zoé {number}") for number in range(7000)]
    assert await asyncio.to_thread(guide.import_in_parts, database, club, lines) == 7000
    assert await database.write(guide.import_members, club, [("M1@b.example", "Émile")]) == 1
    assert [row.name for row in await database.all(guide.members_named("EMILE"))] == ["Émile"]
    exported = [line async for line in guide.lines_of_export(database)]
    assert len(exported) == 7000
    assert "Émile <m1@b.example>\n" in exported


async def test_a_list_is_filtered_sorted_and_paged(guide, open_app):
    class GuidePlugin(Plugin):
        name = "guide"
        contributes = (Route("/api/guide/groups/{id}/members", guide.Members()),)

    def fill(tx):
        tx.database.create_tables([guide.Group, guide.Member])
        choir = guide.Group.create(name="Choir").id
        for name, visits in (("Ann", 3), ("Émile", 1), ("Zoé", 2)):
            guide.Member.create(group=choir, email=f"{name}@b.example", name=name, visits=visits)
        return choir

    async with open_app(GuidePlugin) as app, client_of(app) as client:
        address = f"/api/guide/groups/{await app.site.db.write(fill)}/members"

        async def names(**query):
            page = (await client.get(address, params=query)).json()
            return [row["name"] for row in page["data"]], page["pagination"]["total"]

        assert await names(sort="-visits", limit=2) == (["Ann", "Zoé"], 3)
        assert await names(sort="visits", offset=2) == (["Ann"], 3)
        assert await names(text="emile") == (["Émile"], 1)
        assert (await client.get(address, params={"sort": "email"})).status_code == 422


async def test_what_differs_and_what_has_no_model(guide, database, club):
    joined = [await database.write(guide.join, club, f"{n}@b.example") for n in range(4)]
    assert joined == [True, True, True, False]
    assert await database.one(guide.members_of_year(guide.utcnow().year)) == 3
    assert await database.one(guide.members_of_year(1999)) == 0
    busy = await database.all(guide.busy_groups(3))
    assert [(row.name, row.members) for row in busy] == [("Choir", 3)]
