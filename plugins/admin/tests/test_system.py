"""The pages for operators: queues and jobs, health, plugins and backups."""

from __future__ import annotations

import pytest

from changemaker_admin.plugin import AdminPlugin
from changemaker_core import Job, Plugin, RetryPolicy, hookimpl
from changemaker_core.testing import as_role, run_jobs

pytestmark = pytest.mark.database("sqlite")


class GardenPlugin(Plugin):
    name = "garden"

    def __init__(self):
        self.watered = []

    @hookimpl
    def cm_register_jobs(self):
        once = RetryPolicy(attempts=1)
        return [Job("garden.water", self.water, queue="garden", retries=once)]

    def water(self, run, tree, token=""):
        if not self.watered:
            self.watered.append("tried")
            raise ValueError("the <b>can</b> is empty")
        self.watered.append(tree)


async def enqueue(app, **payload):
    return await app.site.db.write(lambda tx: tx.enqueue("garden.water", payload))


async def test_a_failed_job_is_looked_at_and_run_again(open_app):
    async with open_app(AdminPlugin, GardenPlugin) as app, as_role(app, "SUPER_ADMIN") as client:
        job_id = await enqueue(app, tree="<i>oak</i>", token="river-of-secrets")
        await run_jobs(app.site)
        path = f"/admin/jobs/{job_id}"
        assert f'href="{path}"' in (await client.get("/admin/jobs?state=dead")).text
        page = (await client.get(path)).text
        assert "the &lt;b&gt;can&lt;/b&gt; is empty" in page
        assert "&lt;i&gt;oak&lt;/i&gt;" in page
        assert "river-of-secrets" not in page
        assert (await client.submit(f"{path}/retry", page=path)).status_code == 303
        again = await client.submit(f"{path}/cancel", {"csrf_token": token_of(page)}, page=path)
        assert again.status_code == 303
        await run_jobs(app.site)
        cancelled = (await client.get(path)).text
        assert "Cancelled" in cancelled
        assert (await client.submit(f"{path}/retry", page=path)).status_code == 303
        await run_jobs(app.site)
        done = (await client.get(path)).text
        assert "Done" in done
        assert "/retry" not in done
        late = await client.post(
            f"{path}/retry",
            data={"csrf_token": token_of(done)},
            headers={"Sec-Fetch-Site": "same-origin"},
        )
        assert late.status_code == 303
        assert "runs already, or is done" in (await client.get(path)).text
        plugin = app.site.loaded.plugin("garden").instance
        assert plugin.watered == ["tried", "<i>oak</i>"]


async def test_a_queue_is_held_released_and_its_failed_jobs_run_again(open_app):
    path = "/admin/queues/garden"
    async with open_app(AdminPlugin, GardenPlugin) as app, as_role(app, "SUPER_ADMIN") as client:
        await enqueue(app, tree="elm")
        await run_jobs(app.site)
        held = await client.submit(f"{path}/hold", {"note": "Rain <tomorrow>"})
        assert held.status_code == 303
        await enqueue(app, tree="ash")
        await run_jobs(app.site)
        page = (await client.get(path)).text
        assert "Rain &lt;tomorrow&gt;" in page
        assert "garden.water" in page
        assert 'href="/admin/queues/garden"' in (await client.get("/admin/queues")).text
        assert (await client.submit(f"{path}/release")).status_code == 303
        assert (await client.submit(f"{path}/retry", page=path)).status_code == 303
        assert "Jobs that run again: 1." in (await client.get(path)).text
        await run_jobs(app.site)
        plugin = app.site.loaded.plugin("garden").instance
        assert sorted(plugin.watered[1:]) == ["ash", "elm"]
        assert (await client.get("/admin/queues/nothing")).status_code == 404


async def test_queues_are_sent_again_when_something_happens(open_app):
    async with open_app(AdminPlugin, GardenPlugin) as app, as_role(app, "SUPER_ADMIN") as client:
        from changemaker_admin.system import queues

        rows = await queues.queues_of(app.site)
        assert "garden" in [each.name for each in rows]
        page = await client.get("/admin/queues")
        assert 'hx-sse:connect="/admin/queues/live"' in page.text


async def test_health_and_its_checks_in_words(open_app):
    async with open_app(AdminPlugin) as app, as_role(app, "SUPER_ADMIN") as client:
        page = (await client.get("/admin/health")).text
        assert "Database" in page
        assert "are free" in page
        checks = await client.get("/admin/health/checks")
        assert checks.status_code == 200
        assert "In order" in checks.text


async def test_plugins_and_what_each_brings(open_app):
    async with open_app(AdminPlugin, GardenPlugin) as app, as_role(app, "SUPER_ADMIN") as client:
        listed = (await client.get("/admin/plugins")).text
        for name in ("admin", "garden", "accounts"):
            assert f'href="/admin/plugins/{name}"' in listed
            assert (await client.get(f"/admin/plugins/{name}")).status_code == 200
        assert "garden.water" in (await client.get("/admin/plugins/garden")).text
        assert (await client.get("/admin/plugins/nothing")).status_code == 404


async def test_without_a_folder_the_page_of_backups_says_how_to_set_one(open_app):
    async with open_app(AdminPlugin) as app, as_role(app, "SUPER_ADMIN") as client:
        page = (await client.get("/admin/backups")).text
        assert "backup_folder" in page
        token = token_of((await client.get("/admin/settings/regional")).text)
        refused = await client.post(
            "/admin/backups",
            data={"csrf_token": token},
            headers={"Sec-Fetch-Site": "same-origin"},
        )
        assert refused.status_code == 409


async def test_a_backup_is_made_by_a_job(open_app, tmp_path):
    folder = tmp_path / "archives"
    async with (
        open_app(AdminPlugin, backup_folder=str(folder)) as app,
        as_role(app, "SUPER_ADMIN") as client,
    ):
        (folder).mkdir(mode=0o700)
        (folder / "changemaker-act.example.org-20260101T120000Z.tar.gz").write_bytes(b"x" * 10)
        page = (await client.get("/admin/backups")).text
        assert "changemaker-act.example.org-20260101T120000Z.tar.gz" in page
        assert (await client.submit("/admin/backups")).status_code == 303
        assert (await client.submit("/admin/backups")).status_code == 303
        waiting = await app.site.db.count(api_jobs())
        assert waiting == 1  # pressed twice, made once


@pytest.mark.parametrize(
    "path", ["/admin/queues", "/admin/jobs", "/admin/health", "/admin/plugins", "/admin/backups"]
)
async def test_operators_pages_need_their_permission(open_app, path):
    async with open_app(AdminPlugin) as app, as_role(app, "USER") as client:
        assert (await client.get(path)).status_code == 403


def api_jobs():
    from changemaker_core.features.operations import api

    return api.jobs(queue=api.BACKUP_QUEUE)


def token_of(page):
    return page.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]
