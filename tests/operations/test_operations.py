"""Health, metrics, the API description, queues, static files, the home page, the mailbox."""

from __future__ import annotations

import asyncio
import fcntl
import re
import resource
from datetime import timedelta

import pytest

from changemaker_core import ConfigError, HealthCheck, Job, Plugin, create_app, hookimpl, new_id
from changemaker_core.config import site_files
from changemaker_core.config.checks import check_proxies
from changemaker_core.features.accounts import api
from changemaker_core.features.operations import health
from changemaker_core.features.operations.mailbox_link import mailbox_link
from changemaker_core.http.declarations import ROUTES
from changemaker_core.jobs import CoreJob, hold_queue
from changemaker_core.mail import Address, Message
from changemaker_core.testing.fixtures.site import client_of, run_jobs


async def broken(site):
    raise ConnectionError("the door of the cellar is away")


async def hangs(site):
    await asyncio.sleep(60)


class UnwellPlugin(Plugin):
    name = "unwell"

    @hookimpl
    def operations_register_health_checks(self):
        return [HealthCheck("unwell.broken", broken)]


class QueueingPlugin(Plugin):
    name = "queueing"

    @hookimpl
    def cm_register_jobs(self):
        return [Job("queueing.job", lambda run: None)]


async def test_health_names_each_check_and_its_time(open_app):
    async with open_app() as app, client_of(app) as client:
        answer = await client.get("/api/health")
        assert answer.status_code == 200
        checks = {check["name"]: check for check in answer.json()["checks"]}
        assert {name: check["status"] for name, check in checks.items()} == {
            "database": "ok",
            "disk": "ok",
            "queues": "ok",
            "webhooks.endpoints": "ok",
        }
        assert checks["database"]["ms"] >= 0
        assert (await client.get("/api/health/ready")).status_code == 200
        assert (await client.get("/api/health/live")).json() == {"status": "ok"}


async def test_health_writes_since_what_cannot_be_written_may_read_well(open_app, monkeypatch):
    monkeypatch.setattr(health, "MAX_AGE", 0)
    async with open_app() as app, client_of(app) as client:
        assert (await client.get("/api/health/ready")).status_code == 200
        sql = "ALTER TABLE core_table_version RENAME TO core_gone"
        await app.site.db.write(lambda tx: tx.database.execute_sql(sql))
        answer = await client.get("/api/health/ready")
        assert answer.status_code == 503
        statuses = {check["name"]: check["status"] for check in answer.json()["checks"]}
        assert statuses["database"] == "failed"


@pytest.mark.database("sqlite")
async def test_a_disk_that_has_room_for_a_row_alone_is_full(open_app, monkeypatch):
    """The kernel refuses what makes a file larger than a megabyte, as a full disk or a quota."""
    monkeypatch.setattr(health, "MAX_AGE", 0)
    async with open_app() as app, client_of(app) as client:
        assert (await client.get("/api/health/ready")).status_code == 200
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
        try:
            answer = await client.get("/api/health/ready")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert answer.status_code == 503
        assert (await client.get("/api/health/ready")).status_code == 200


async def test_little_space_is_a_warning(open_app, monkeypatch):
    monkeypatch.setattr(health, "LEAST_FREE", 1 << 62)
    async with open_app() as app, client_of(app) as client:
        answer = await client.get("/api/health")
        assert answer.status_code == 200
        assert {"warning"} == {c["status"] for c in answer.json()["checks"] if c["name"] == "disk"}


async def test_the_health_check_is_no_news(open_app):
    """A page that is cached stays so, and other processes are not notified."""
    async with open_app() as app, client_of(app) as client:
        notified = []
        app.site.db.changes.subscribe(notified.append)
        assert (await client.get("/api/health")).status_code == 200
        assert notified == []


async def test_a_failing_check_is_503_and_tells_strangers_nothing(open_app):
    async with open_app(UnwellPlugin) as app, client_of(app) as client:
        answer = await client.get("/api/health")
        assert answer.status_code == 503
        checks = {check["name"]: check["status"] for check in answer.json()["checks"]}
        assert checks.pop("unwell.broken") == "failed"
        own = ("database", "disk", "queues", "webhooks.endpoints")
        assert checks == dict.fromkeys(own, "ok")
        assert "cellar" in answer.text
        proxied = await client.get("/api/health", headers={"X-Forwarded-For": "203.0.113.5"})
        assert (proxied.status_code, proxied.json()) == (503, {"status": "failed"})
        assert (await client.get("/api/health/live")).status_code == 200


async def test_a_check_that_hangs_has_failed(open_app, monkeypatch):
    monkeypatch.setattr(health, "TIMEOUT", 0.05)
    monkeypatch.setattr(
        UnwellPlugin, "operations_register_health_checks", _marked([HealthCheck("unwell.h", hangs)])
    )
    async with open_app(UnwellPlugin) as app, client_of(app) as client:
        assert (await client.get("/api/health")).status_code == 503


def _marked(checks):
    @hookimpl
    def operations_register_health_checks(self):
        return checks

    return operations_register_health_checks


async def test_metrics_that_another_process_has_locked_are_unavailable(open_app, monkeypatch):
    monkeypatch.setattr(site_files, "LOCK_SECONDS", 0.05)
    async with open_app() as app, client_of(app) as client:
        assert (await client.get("/api/metrics")).status_code == 200
        with (app.site.run_folder / "metrics" / "lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            response = await client.get("/api/metrics")
    assert (response.status_code, response.json()["code"]) == (503, "metrics_locked")


async def test_metrics_are_in_prometheus_format(open_app):
    async with open_app() as app, client_of(app) as client:
        await client.get("/api/health/live")
        answer = await client.get("/api/metrics")
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        counted = r'^http_request_total\{method="GET",route="/api/health/live",status="200"\} 1\.0$'
        assert re.search(counted, answer.text, re.MULTILINE)


@pytest.mark.database("sqlite")
async def test_the_api_description_lists_every_endpoint(open_app):
    """That it is valid, tests/http/test_openapi.py shows."""
    async with open_app() as app, client_of(app) as client:
        document = (await client.get("/api/openapi.json")).json()
        paths = {
            route.item.path
            for route in app.site.loaded.contributions(ROUTES)
            if route.item.path.startswith("/api/")
        }
        assert paths == set(document["paths"])


async def test_queues_are_for_those_who_may_see_them(open_app):
    async with open_app() as app, client_of(app) as client:
        assert (await client.get("/api/queues")).status_code == 401
        for role, status in (("USER", 403), ("SUPER_ADMIN", 200)):
            token = await signed_in(app, client, role)
            answer = await client.get("/api/queues", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == status
        assert isinstance(answer.json()["data"], list)


async def test_a_held_queue_is_told_everywhere_and_fails_nothing(open_app):
    async with open_app() as app, client_of(app) as client:
        await app.site.db.write(hold_queue, "mail", "restore")
        await app.site.db.write(hold_queue, "core", "operator", "moving")
        token = await signed_in(app, client, "SUPER_ADMIN")
        headers = {"Authorization": f"Bearer {token}", "Accept-Language": "fr"}
        core, mail = (await client.get("/api/queues", headers=headers)).json()["held"]
        assert (core["queue"], core["reason"], core["note"]) == ("core", "operator", "moving")
        assert (mail["queue"], mail["reason"], mail["note"]) == ("mail", "restore", "")
        assert "restaurée" in mail["message"]
        answer = await client.get("/api/health")
        assert answer.status_code == 200
        checks = {check["name"]: check["status"] for check in answer.json()["checks"]}
        assert checks["queues"] == "warning"
        metrics = (await client.get("/api/metrics")).text
        assert 'cm_queue_held{queue="mail"} 1' in metrics
        assert 'cm_health_check_status{check="queues"} 1.0' in metrics
        assert 'cm_health_check_status{check="database"} 0.0' in metrics


async def signed_in(app, client, role):
    email = f"{role.lower()}@example.org"
    _, password = await asyncio.to_thread(
        lambda: api.create_user(app.site, email=email, name=role, role=role)
    )
    answer = await client.post("/api/auth/login", json={"email": email, "password": password})
    return answer.json()["access_token"]


async def test_jobs_are_listed_newest_first_without_their_payloads(open_app):
    async with open_app(WorkPlugin) as app, client_of(app) as client:
        ids = [
            await app.site.db.write(lambda tx: tx.enqueue("work.nothing", {"secret": "words"}))
            for _ in range(3)
        ]
        token = await signed_in(app, client, "SUPER_ADMIN")
        client.headers["Authorization"] = f"Bearer {token}"
        first = (await client.get("/api/jobs?limit=2&queue=default")).json()
        cursor = first["pagination"]["next_cursor"]
        rest = (await client.get(f"/api/jobs?limit=2&queue=default&cursor={cursor}")).json()
        assert [job["id"] for job in first["data"] + rest["data"]] == ids[::-1]
        assert {job["state"] for job in first["data"]} == {"queued"}
        assert "words" not in str(first)
        assert (await client.get("/api/jobs?state=done")).json()["data"] == []
        assert (await client.get("/api/jobs?state=lost")).status_code == 422


def nothing(run, secret):
    pass


class WorkPlugin(Plugin):
    name = "work"

    @hookimpl
    def cm_register_jobs(self):
        return [Job("work.nothing", nothing)]


async def test_the_home_page_is_what_the_operator_chose(open_app):
    async with open_app(home_page="/api/health/live") as app, client_of(app) as client:
        answer = await client.get("/")
        assert (answer.status_code, answer.headers["location"]) == (302, "/api/health/live")


async def test_static_files_are_kept_for_a_year_under_their_hash(open_app):
    async with open_app() as app, client_of(app) as client:
        answer = await client.get(app.site.static.url("core/base.css"))
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/css")
        assert "immutable" in answer.headers["cache-control"]
        again = {"If-None-Match": answer.headers["etag"]}
        assert (await client.get("/static/core/base.css", headers=again)).status_code == 304


@pytest.mark.parametrize(
    "path",
    [
        "/static/core/../../app.py",
        "/static/core/%2e%2e/%2e%2e/app.py",
        "/static/core/..%2f..%2fapp.py",
        "/static//etc/passwd",
        "/static/core/",
        "/static/core/base.css%00.png",
    ],
)
async def test_static_paths_lead_nowhere_else(open_app, path):
    async with open_app() as app, client_of(app) as client:
        assert (await client.get(path)).status_code in (404, 400)


def keep_a_message(site):
    with site.mail.session() as session:
        session.send_envelope(
            Message(
                to=Address("Avery", "avery@example.org"),
                subject="Clean water <b>now</b>",
                text="Please act.",
                html="<p>Please <script>alert(1)</script>act.</p>",
                message_id="<1@example.org>",
            )
        )
        session.send_data()


async def test_the_mailbox_shows_what_was_sent_and_runs_nothing(open_app):
    async with open_app(development=True) as app, client_of(app) as client:
        await asyncio.to_thread(keep_a_message, app.site)
        link = mailbox_link(app.site.config, "")
        opened = await client.get(link)
        assert (opened.status_code, opened.headers["location"]) == (303, "/mailbox")
        cookie = opened.headers["set-cookie"]
        assert cookie.endswith("; Path=/mailbox; HttpOnly; SameSite=Lax")
        listed = await client.get("/mailbox")
        assert "Clean water &lt;b&gt;now&lt;/b&gt;" in listed.text
        (path,) = re.findall(r'href="(/mailbox/[^"]+)"', listed.text)
        shown = await client.get(path)
        assert "Please act." in shown.text
        html = await client.get(f"{path}/html")
        assert html.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert (await client.get("/mailbox/..%2f..%2fchangemaker")).status_code == 404


def test_a_site_in_development_does_not_serve_at_a_public_address(make_config):
    config = make_config(development=True, base_url="https://act.example.org")
    with pytest.raises(ConfigError, match=r"development must be false.*act\.example\.org"):
        create_app(config, plugins=[])


async def test_the_mailbox_is_only_for_development_and_whoever_has_its_link(open_app):
    async with open_app() as app, client_of(app) as client:
        assert mailbox_link(app.site.config, "") is None
        assert (await client.get("/mailbox")).status_code == 404
    async with open_app(development=True) as app, client_of(app) as client:
        await asyncio.to_thread(keep_a_message, app.site)
        key = mailbox_link(app.site.config, "").partition("key=")[2]
        # From this machine and to its own name, as all that comes through nginx's defaults.
        (message,) = app.site.mail.messages()
        for path in ("/mailbox", f"/mailbox/{message.id}", f"/mailbox/{message.id}/html"):
            for sent in ("", "x", key[:-1], app.site.signer("other").write("/mailbox")):
                refused = await client.get(path, headers={"Cookie": f"cm_mailbox={sent}"})
                assert refused.status_code == 403
                assert "link that was printed" in refused.text
        assert (await client.get("/mailbox?key=wrong")).status_code == 403


@pytest.mark.parametrize(
    ("http_version", "headers", "trusted", "reported"),
    [
        ("1.1", {"X-Forwarded-For": "203.0.113.9"}, (), True),
        ("1.1", {"Via": "1.1 cache"}, (), True),
        ("1.0", {"Accept-Language": "fr"}, (), True),  # nginx's defaults
        ("1.0", {}, (), False),
        ("1.1", {"Accept-Language": "fr"}, (), False),
        ("1.1", {"X-Forwarded-For": "203.0.113.9"}, ("127.0.0.1",), False),
    ],
)
async def test_a_proxy_that_is_not_configured_is_reported_once(
    open_app, caplog, http_version, headers, trusted, reported
):
    async with open_app(trusted_proxies=trusted) as app:

        async def as_sent(scope, receive, send):
            await app({**scope, "http_version": http_version}, receive, send)

        async with client_of(as_sent, headers=headers) as client:
            for _ in range(3):
                await client.get("/api/health/live")
        (finding,) = check_proxies(app.site)
    assert len(found_in(caplog)) == reported
    assert finding.status == ("warning" if reported else "ok")


def found_in(caplog):
    return [each for each in caplog.messages if "trusted_proxies does not name it" in each]


def test_doctor_finds_that_no_proxy_is_trusted(make_site):
    def found(**config):
        (finding,) = check_proxies(make_site(**config))
        return finding.status

    assert found(base_url="https://act.example.org") == "warning"
    assert found(base_url="https://act.example.org", trusted_proxies=("127.0.0.1",)) == "ok"
    assert found() == "ok"


async def test_mail_that_protects_an_account_is_not_cancelled_by_operators(open_app):
    """Who may cancel jobs would otherwise keep its owner from learning of a new password."""
    async with open_app(QueueingPlugin) as app, client_of(app) as client:
        client.headers["Authorization"] = f"Bearer {await signed_in(app, client, 'SUPER_ADMIN')}"
        later = app.site.clock() + timedelta(days=1)
        names = [name for name in app.site.job_names() if not app.site.job(name).cancellable]
        assert {name.partition(".")[0] for name in names} == {"accounts"}
        id = await app.site.db.write(_insert_job, names[0], later)
        refused = await client.post(f"/api/jobs/{id}/cancel")
        assert (refused.status_code, refused.json()["code"]) == (409, "job_not_cancellable")
        assert (await client.get(f"/api/jobs/{id}")).json()["cancel_requested_at"] is None
        # Whoever erases a person still does.
        assert await app.site.db.write(lambda tx: tx.cancel(id))


def _insert_job(tx, name, due_at):
    job = CoreJob.insert(
        id=(id := new_id()),
        name=name,
        queue="mail",
        payload="{}",
        wanted_at=due_at,
        due_at=due_at,
        created_at=tx.now,
        updated_at=tx.now,
    )
    job.execute()
    return id


async def test_a_job_can_be_looked_at_and_cancelled(open_app):
    async with open_app(QueueingPlugin) as app, client_of(app) as client:
        client.headers["Authorization"] = f"Bearer {await signed_in(app, client, 'SUPER_ADMIN')}"
        first, second = await app.site.db.write(
            lambda tx: [tx.enqueue("queueing.job", {}, lane="queueing.a") for _ in range(2)]
        )
        waiting = (await client.get(f"/api/jobs/{second}")).json()
        assert (waiting["state"], waiting["ahead"], waiting["lane"]) == ("queued", 1, "queueing.a")
        assert (await client.get(f"/api/jobs/{first}")).json()["ahead"] == 0
        cancelled = await client.post(f"/api/jobs/{second}/cancel")
        assert cancelled.status_code == 202
        assert cancelled.json()["cancel_requested_at"] is not None
        await run_jobs(app.site)
        states = [(await client.get(f"/api/jobs/{id}")).json()["state"] for id in (first, second)]
        assert states == ["done", "cancelled"]
        again = await client.post(f"/api/jobs/{second}/cancel")
        assert (again.status_code, again.json()["code"]) == (409, "job_finished")
        for unknown in ("nothing", "01890a5d-ac96-774b-bcce-b302099a8057"):
            assert (await client.get(f"/api/jobs/{unknown}")).status_code == 404
            assert (await client.post(f"/api/jobs/{unknown}/cancel")).status_code == 404


async def test_strangers_cannot_cancel(open_app):
    async with open_app(QueueingPlugin) as app, client_of(app) as client:
        job_id = await app.site.db.write(lambda tx: tx.enqueue("queueing.job", {}))
        assert (await client.post(f"/api/jobs/{job_id}/cancel")).status_code == 401
