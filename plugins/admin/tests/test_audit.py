"""The pages about the audit log."""

from __future__ import annotations

import pytest

from changemaker_admin.audit.differences import lines_of
from changemaker_admin.plugin import AdminPlugin
from changemaker_core.audit import CoreAuditEntry
from changemaker_core.features.audit.api import FieldChange, entries
from changemaker_core.features.audit.sealing import seal
from changemaker_core.testing import as_role, run_jobs


async def test_an_entry_shows_what_it_changed_and_the_log_is_verified(open_app):
    async with open_app(AdminPlugin) as app, as_role(app, "SUPER_ADMIN") as client:
        site = app.site
        await site.db.write(
            lambda tx: tx.audit(
                "parks.park.changed",
                "elm",
                label="<script>",
                before={"title": "Elm", "trees": 3},
                after={"title": "<b>Oak</b>", "trees": 3},
            )
        )
        entry = (await site.db.all(entries(action="parks.park.changed")))[0]
        page = await client.get(f"/admin/audit/{entry.id}")
        listed = await client.get("/admin/audit?object=elm")
        mine = await client.get(f"/admin/audit?actor={entry.actor_id or 'nobody'}")
        absent = await client.get("/admin/audit/0198f2c4-7a3e-7c51-9d0e-5b8a4f6d2e11")
        before = await client.get("/admin/audit/verify")
        started = await client.submit("/admin/audit/verify")
        await run_jobs(site)
        after = await client.get("/admin/audit/verify")
        begun = await site.db.all(entries(action="audit.log.verification_started"))
    assert "<ins>&lt;b&gt;Oak&lt;/b&gt;</ins>" in page.text
    assert "<del>Elm</del>" in page.text
    assert "trees" not in page.text
    assert "&lt;script&gt;" in listed.text
    assert mine.status_code == 200
    assert absent.status_code == 404
    assert "The log is what was recorded." not in before.text
    assert started.status_code == 303
    assert [entry.actor_kind for entry in begun] == ["user"]
    assert "The log is what was recorded." in after.text


async def test_a_log_that_was_changed_is_found_out(open_app):
    async with open_app(AdminPlugin) as app, as_role(app, "SUPER_ADMIN") as client:
        site = app.site
        await run_jobs(site)  # which seals what there is
        await site.db.write(lambda tx: tx.audit("parks.park.opened", "elm"))

        def tamper(tx):
            on = "" if tx.dialect == "sqlite" else " ON core_audit_entry"
            tx.database.execute_sql(f"DROP TRIGGER core_audit_entry_update{on}")
            changed = CoreAuditEntry.update(actor_id="somebody else")
            return changed.where(CoreAuditEntry.position == 1).execute()

        await site.db.write(seal, site)
        assert await site.db.write(tamper) == 1
        await client.submit("/admin/audit/verify")
        await run_jobs(site)
        page = await client.get("/admin/audit/verify")
    assert "The last verification has found a problem" in page.text
    assert "not what was sealed" in page.text


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ("USER", "EDITOR", [("-", "USER"), ("+", "EDITOR")]),
        ("a\nb", "a\nc", [(" ", "a"), ("-", "b"), ("+", "c")]),
        (["read"], ["read", "write"], [(" ", "read"), ("+", "write")]),
        (None, 3, [("+", "3")]),
        (None, None, []),
    ],
)
def test_what_was_changed_is_compared_by_line(before, after, lines):
    assert lines_of(FieldChange(field="f", before=before, after=after)) == lines
