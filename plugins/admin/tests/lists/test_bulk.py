"""Bulk actions: confirmed on a page, done by a job, stopped and taken back."""

from __future__ import annotations

import asyncio
import re

import peewee
import pytest

from changemaker_admin.bulk import jobs, starting, working
from changemaker_admin.bulk.models import BulkRow, BulkRun
from changemaker_admin.bulk.queries import run_by_id
from changemaker_core import Conflict, new_id
from changemaker_core.testing import as_role, run_jobs

CLOSE = "/admin/notes/actions/close"


async def confirm(client, query, action=CLOSE):
    """Confirm the action for what ``query`` selects; return the path of the run."""
    response = await client.submit(action, page=f"{action}?{query}")
    assert response.status_code == 303, response.text
    return response.headers["location"]


async def states(app, notes):
    rows = await app.site.db.read(lambda: list(notes.Note.select().order_by(notes.Note.id)))
    return [(row.state, row.closed) for row in rows]


async def audited(app):
    """The entries about runs in the log of changes."""
    async with as_role(app, "SUPER_ADMIN") as admin:
        log = (await admin.get("/api/audit-log")).json()["data"]
    return [each["action"] for each in reversed(log) if each["action"].startswith("admin.bulk")]


async def test_what_is_ticked_is_done_and_undone(app, write, notes):
    ids = await write(notes.write_notes, 3)
    await write(notes.close, ids[1])
    async with as_role(app, "NOTES_WRITER") as client:
        listed = await client.get("/admin/notes")
        assert f'formaction="{CLOSE}"' in listed.text
        preview = await client.get(f"{CLOSE}?selected={ids[0]}&selected={ids[1]}")
        assert "2 entries are selected." in preview.text
        assert "Nobody can write to a closed note." in preview.text
        assert "Note 0" in preview.text and "Note 2" not in preview.text
        path = await confirm(client, f"selected={ids[0]}&selected={ids[1]}")
        assert 'http-equiv="refresh"' in (await client.get(path)).text
        await run_jobs(app.site)
        page = await client.get(path)
        assert "This note is closed already." in page.text and "Note 1" in page.text
        assert 'http-equiv="refresh"' not in page.text
        assert await states(app, notes) == [("closed", 1), ("closed", 1), ("open", 0)]
        undone = await client.submit(f"{path}/undo", page=path)
        await run_jobs(app.site)
        assert "Undo: Close" in (await client.get(undone.headers["location"])).text
        assert await states(app, notes) == [("open", 1), ("closed", 1), ("open", 0)]
        assert (await client.get(path)).text.count("/undo") == 0
        assert await audited(app) == ["admin.bulk.started", "admin.bulk.undone"]
    with pytest.raises(Conflict):
        await write(starting.undo, path.rpartition("/")[2], new_id())


async def test_all_that_match_are_those_that_were_shown(app, write, notes):
    """What is written after the page was shown is not done; a form sent twice begins one run."""
    await write(notes.write_notes, 2100, title="Été {n}")
    await write(notes.write_notes, 3)
    async with as_role(app, "NOTES_WRITER") as client:
        page = f"{CLOSE}?all=1&q=ete&written_from=2026-06-01"
        preview = await client.get(page)
        assert "2,100 entries are selected." in preview.text
        await write(notes.write_notes, 1, title="Été late")
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', preview.text))
        fields["filters"] = fields["filters"].replace("&amp;", "&")
        first, second = [await client.submit(CLOSE, fields, page=page) for _ in range(2)]
        assert first.headers["location"] == second.headers["location"]
        await run_jobs(app.site)
        done = await client.get(first.headers["location"])
        assert "<dd>2,100</dd>" in done.text
    assert len([s for s in await states(app, notes) if s == ("closed", 1)]) == 2100
    assert len([s for s in await states(app, notes) if s == ("open", 0)]) == 4
    stored = await app.site.db.read(lambda: [run.arguments for run in BulkRun.select()])
    assert stored == [{}], "what was searched for is not kept"


@pytest.mark.database("sqlite")
async def test_nobody_does_it_to_what_is_not_theirs(app, write, notes):
    mine = new_id()
    (own,) = await write(notes.write_notes, 1, book=mine, title="Mine")
    (other,) = await write(notes.write_notes, 1, title="Theirs")
    async with as_role(app, "NOTES_WRITER", on=("notes.book", mine)) as client:
        preview = await client.get(f"{CLOSE}?selected={own}&selected={other}")
        assert "1 entry is selected." in preview.text and "Theirs" not in preview.text
        forged = {"keys": [own, other]}
        response = await client.submit(CLOSE, forged, page=f"{CLOSE}?selected={own}")
        scoped = response.headers["location"]
        everything = await confirm(client, "all=1")
        await run_jobs(app.site)
        assert await states(app, notes) == [("closed", 1), ("open", 0)]
        for path in (scoped, everything):
            assert (await client.get(path)).status_code == 200
    async with as_role(app, "NOTES_READER") as reader:
        assert CLOSE not in (await reader.get("/admin/notes")).text
        assert (await reader.get(f"{CLOSE}?all=1")).status_code == 403
        assert (await reader.post(CLOSE, data={"run": new_id()})).status_code == 403
        assert (await reader.get(scoped)).status_code == 404
        assert (await reader.get(f"{scoped}/live")).status_code == 404
    async with as_role(app, "NOTES_WRITER", on=("notes.book", new_id())) as neighbour:
        assert (await neighbour.get(scoped)).status_code == 404
    async with as_role(app, "NOTES_WRITER") as colleague:
        assert (await colleague.get(scoped)).status_code == 200


@pytest.mark.database("sqlite")
async def test_nothing_is_done_where_nothing_is_ticked(app, write, notes):
    await write(notes.write_notes, 1)
    async with as_role(app, "NOTES_WRITER") as client:
        page = await client.get(CLOSE)
        assert "Nothing is selected." in page.text and 'name="run"' not in page.text
        for key in (new_id(), "x"):
            unknown = await client.get(f"{CLOSE}?selected={key}")
            assert "Nothing is selected." in unknown.text


async def begin(app, notes, count=60):
    """Write notes and begin a run over all of them, without its job; return the run's id."""

    def write(tx):
        ids = notes.write_notes(tx, count)
        tx.actor = working._actor_of(run, notes.WRITE)
        starting.start(
            tx,
            run.id,
            screen="/admin/notes",
            action="close",
            params={},
            arguments={},
            keys=None,
            through=ids[-1],
            objects=None,
        )

    run = _Run(new_id(), "someone", None)
    await app.site.db.write(write)
    return run.id


class _Run:
    def __init__(self, id, user_id, objects):
        self.id, self.user_id, self.objects = id, user_id, objects


async def test_a_run_that_was_killed_does_no_row_twice(app, notes, clock, monkeypatch):
    """A process dies in the third transaction; the next one goes on behind the second."""
    id = await begin(app, notes)
    closed = []

    def close(tx, key):
        notes.close(tx, key)
        closed.append(key)
        if len(closed) == 55:
            raise peewee.OperationalError("the disk is gone")

    await run_with(app, notes, monkeypatch, close)
    now = await app.site.db.get(run_by_id(id=id))
    assert (now.state, now.done) == ("running", 50)
    assert (await states(app, notes)).count(("closed", 1)) == 50
    closed.clear()
    await app.site.db.write(
        lambda tx: tx.database.execute_sql("UPDATE core_job SET due_at = created_at")
    )
    await run_with(app, notes, monkeypatch, close)
    now = await app.site.db.get(run_by_id(id=id))
    assert (now.state, now.done, now.failed) == ("done", 60, 0)
    assert await states(app, notes) == [("closed", 1)] * 60


async def run_with(app, notes, monkeypatch, close):
    """Run the jobs, with ``close`` as what is done to each row."""
    made = jobs._work

    def with_close(*arguments):
        work = made(*arguments)
        return working.Work(close, work.permission, work.read_key, work.errors)

    monkeypatch.setattr(jobs, "_work", with_close)
    await run_jobs(app.site)
    monkeypatch.undo()


async def test_a_run_is_stopped_where_it_is(app, write, notes, monkeypatch):
    id = await begin(app, notes)

    def close(tx, key):
        notes.close(tx, key)
        if BulkRun.select().get().done >= 25:
            starting.cancel(tx, id)

    await run_with(app, notes, monkeypatch, close)
    now = await app.site.db.get(run_by_id(id=id))
    assert now.state == "cancelled"
    assert (await states(app, notes)).count(("closed", 1)) == now.done == 50
    assert not await write(starting.cancel, id)
    assert await audited(app) == ["admin.bulk.started", "admin.bulk.stopped"]


@pytest.mark.database("sqlite")
async def test_a_programming_error_ends_one_row_alone(app, notes, monkeypatch, caplog):
    id = await begin(app, notes, 3)
    broken = (await app.site.db.read(lambda: notes.Note.select().get())).id

    def close(tx, key):
        notes.close(tx, key)
        if key == broken:
            raise ZeroDivisionError

    await run_with(app, notes, monkeypatch, close)
    now = await app.site.db.get(run_by_id(id=id))
    assert (now.state, now.done, now.failed) == ("done", 2, 1)
    assert (await states(app, notes)).count(("open", 0)) == 1, "its own change is undone"
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.database("sqlite")
async def test_an_action_that_is_gone_ends_its_run(app, notes, monkeypatch):
    id = await begin(app, notes, 3)
    monkeypatch.setattr(jobs, "screen_of", lambda site, path: None)
    await run_jobs(app.site)
    assert (await app.site.db.get(run_by_id(id=id))).state == "broken"


async def test_progress_is_live(app, notes):
    id = await begin(app, notes)
    async with as_role(app, "NOTES_WRITER") as client:
        following = asyncio.create_task(client.get(f"/admin/bulk/{id}/live"))
        await asyncio.sleep(0)
        await run_jobs(app.site)
        async with asyncio.timeout(30):
            events = (await following).text
    assert '"final":true' in events and '"text":"Done."' in events


@pytest.mark.database("sqlite")
async def test_old_runs_are_deleted(app, write, notes):
    id = await begin(app, notes, 3)
    await run_jobs(app.site)
    old = BulkRun.update(created_at=app.site.clock() - jobs.KEPT * 2)
    await write(lambda tx: old.execute())
    while await write(jobs._purge_some):
        pass
    assert await app.site.db.one(run_by_id(id=id)) is None
    assert await app.site.db.read(lambda: BulkRow.select().count()) == 0
