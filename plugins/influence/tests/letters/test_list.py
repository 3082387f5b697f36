"""The list of letters: what is in it, for whom, and how it is found."""

from __future__ import annotations

import re

import pytest

from changemaker_admin.plugin import AdminPlugin
from changemaker_core import KeysetQuery
from changemaker_core.jobs import hold_queue
from changemaker_core.testing import as_role
from changemaker_influence.emails import services as emails
from changemaker_influence.letters.queries import letters, letters_of_campaign

LIST = "/admin/letters"


@pytest.mark.database("sqlite")
async def test_letters_are_found_by_what_became_of_them(visit):
    async with visit(plugins=(AdminPlugin,)) as v:
        parks, rivers = await v.campaign(title="Parks"), await v.campaign(title="Rivers")
        (failed,) = (await v.send(parks, sender_name="Zoé Failed")).json()["emails"]
        await v.send(rivers, sender_name="Kim Waiting", sender_email="kim@example.org")
        await v.site.db.write(emails.mark_failed, failed["id"], "552 5.2.2 full")
        async with as_role(v.app, "INFLUENCE_ADMIN") as browser:
            everything = (await browser.get(LIST)).text
            assert "Zoé Failed" in everything
            assert "mailbox is full" in everything
            assert "It is sent within a minute or so." in everything
            for query, found, other in (
                ("status=FAILED", "Zoé Failed", "Kim Waiting"),
                (f"campaign={rivers['id']}", "Kim Waiting", "Zoé Failed"),
                ("q=KIM@example.org", "Kim Waiting", "Zoé Failed"),
                ("q=zoe", "Zoé Failed", "Kim Waiting"),
                ("level=FEDERAL&status=QUEUED&edited=false", "Kim Waiting", "Zoé Failed"),
            ):
                page = (await browser.get(f"{LIST}?{query}")).text
                assert (found in page, other in page) == (True, False), query
            one = (await browser.get(f"/admin/campaigns/{parks['id']}/letters")).text
            assert ("Zoé Failed" in one, "Kim Waiting" in one) == (True, False)
            await v.site.db.write(hold_queue, "mail", "operator", "<b>moving</b>")
            held = (await browser.get(LIST)).text
            assert "All mail is held" in held
            assert "&lt;b&gt;moving&lt;/b&gt;" in held
        scope = ("influence.campaign", rivers["id"])
        async with as_role(v.app, "INFLUENCE_ADMIN", on=scope) as browser:
            own = (await browser.get(LIST)).text
            assert ("Kim Waiting" in own, "Zoé Failed" in own) == (True, False)
            assert (await browser.get(f"/admin/campaigns/{parks['id']}/letters")).status_code in (
                403,
                404,
            )
        async with as_role(v.app, "USER") as browser:
            assert (await browser.get(LIST)).status_code == 403


async def test_pages_of_letters_are_read_in_the_order_of_an_index(visit):
    """Without a sort, and without a look at each letter of the table first."""
    async with visit() as v:
        campaign = await v.campaign()
        of_one = {"id": campaign["id"]}
        for query, arguments in (
            (letters, {}),
            (letters, {"status": "FAILED"}),
            (letters, {"objects": [campaign["id"]]}),
            (letters, {"level": "FEDERAL", "edited": True}),
            (letters_of_campaign, of_one),
            (letters_of_campaign, {**of_one, "status": "FAILED"}),
        ):
            page = KeysetQuery(query, "-id", "id").page(arguments, limit=51, after=None)
            plan, values = page.prepare(v.site.db.dialect)
            lines = await v.site.db.write(explain, plan.sql, values)
            wrong = re.compile(r"TEMP B-TREE|SCAN (?!json_each|.* USING .*INDEX)|Seq Scan|Sort  \(")
            assert not [line for line in lines if wrong.search(line)], (arguments, lines)


def explain(tx, sql, values):
    if tx.dialect == "sqlite":
        rows = tx.database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", values)
        return [row[3] for row in rows]
    for what in ("seqscan", "sort", "incremental_sort"):
        tx.database.execute_sql(f"SET LOCAL enable_{what} = off")
    return [line for (line,) in tx.database.execute_sql(f"EXPLAIN {sql}", values)]
