"""Mail settings: the next letter goes through the server that is set, which can be tried first."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from changemaker_core import Config, Job, JobRun, Plugin, Site
from changemaker_core.db import DatabaseUnavailable
from changemaker_core.features.accounts import api as accounts
from changemaker_core.features.settings import api
from changemaker_core.jobs import Executor, holds
from changemaker_core.jobs.held_queues.trials import try_now
from changemaker_core.mail import Address, FolderTransport, Message
from changemaker_core.mail.checks import check_mail
from changemaker_core.outgoing import addresses
from changemaker_core.settings import reading
from changemaker_core.settings.stored import CoreSettings
from changemaker_core.testing import Clock, SmtpServer, client_of, signed_in
from changemaker_core.testing.smtp import Behaviour

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core import Tx

SENDER = {"from_address": "site@example.org"}


def send(run: JobRun) -> None:
    to = Address("", "sam@example.org")
    run.mail(Message(to=to, subject="Park", text="Please keep it.\n", automatic=True))


class LettersPlugin(Plugin):
    name = "letters"
    contributes = (Job("letters.send", send, queue="mail"),)


def values_of(server: SmtpServer, **more: Any) -> dict[str, Any]:
    port = int(server.url.rpartition(":")[2])
    return {"host": "127.0.0.1", "port": port, "security": "offered", **SENDER, **more}


@pytest.fixture
def other_server() -> Iterator[SmtpServer]:
    with SmtpServer(logins={"user": "right"}) as server:
        yield server


@pytest.fixture
def two_processes(make_site: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Site, Site]]:
    """Two sites on one database, of which one knows of the other's writes as a process does: it
    looks at each job."""
    monkeypatch.setattr(reading, "FRESH_SECONDS", 0.0)
    web = make_site(LettersPlugin, development=True)
    runner = Site(web.config, [LettersPlugin])
    yield web, runner
    runner.close()


def test_a_job_runner_uses_another_server_for_the_next_letter(
    two_processes: tuple[Site, Site], smtp_server: SmtpServer, other_server: SmtpServer
) -> None:
    web, runner = two_processes

    def letter() -> None:
        web.db.sync.write(lambda tx: tx.enqueue("letters.send", {}))
        Executor(runner).run_due()

    letter()
    folder = runner.mail
    assert isinstance(folder, FolderTransport)
    assert len(folder.messages()) == 1
    api.change_settings(web, "mail", values_of(smtp_server, reply_to="office@example.org"))
    letter()
    (received,) = smtp_server.received
    assert "Reply-To: office@example.org" in str(received.email)
    # The password of one server is not passed on to another.
    with pytest.raises(api.SettingsInvalid):
        api.change_settings(web, "mail", {"port": "nonsense"})
    signing_in = {"user": "user", "password": "right"}
    api.change_settings(web, "mail", values_of(other_server, **signing_in))
    with pytest.raises(api.SettingsInvalid, match="password: Enter this again"):
        api.change_settings(web, "mail", values_of(smtp_server))
    letter()
    assert [len(each.received) for each in (smtp_server, other_server)] == [1, 1]


def test_a_held_queue_tries_a_new_server_at_once(
    two_processes: tuple[Site, Site], smtp_server: SmtpServer
) -> None:
    web, runner = two_processes
    api.change_settings(web, "mail", {"host": "does-not-exist.invalid", **SENDER})
    web.db.sync.write(lambda tx: tx.enqueue("letters.send", {}))
    Executor(runner).run_due()
    assert [hold.reason for hold in web.db.sync.all(holds())] == ["unreachable"]
    api.change_settings(web, "mail", values_of(smtp_server))
    Executor(runner).run_due()
    assert len(smtp_server.received) == 1
    assert web.db.sync.all(holds()) == []


@pytest.mark.database("sqlite")
async def test_only_who_has_just_signed_in_changes_the_server(open_app: Any) -> None:
    clock = Clock()
    async with open_app(clock=clock) as app, client_of(app) as client:
        who = {"email": "sam@example.org", "password": "wide river, slow boat"}
        create = partial(accounts.create_user, app.site, name="Sam", role="SUPER_ADMIN", **who)
        await asyncio.to_thread(create)
        tokens = (await client.post("/api/auth/login", json=who)).json()
        clock.forward(minutes=16)
        refreshed = await client.post(
            "/api/auth/refresh", json={"refresh_token": tokens["refresh_token"]}
        )
        client.headers["Authorization"] = f"Bearer {refreshed.json()['access_token']}"
        change = {"values": {"from_name": "Our site"}}
        for method, path, body in (
            ("PATCH", "mail", change),
            ("POST", "mail/rollback", {"to": 0}),
        ):
            late = await client.request(method, f"/api/settings/{path}", json=body)
            assert (late.status_code, late.json()["code"]) == (401, "recent_sign_in_required")
        other = {"values": {"short_name": "Us"}}
        assert (await client.patch("/api/settings/organisation", json=other)).status_code == 200
        confirmed = await client.post("/api/auth/confirm", json={"password": who["password"]})
        assert confirmed.status_code in (200, 204), confirmed.text
        assert (await client.patch("/api/settings/mail", json=change)).status_code == 200
        own = {"values": {"host": "192.168.3.7"}}
        refused = await client.patch("/api/settings/mail", json=own)
        assert (refused.status_code, "which is not public" in refused.text) == (422, True)


@pytest.mark.database("sqlite")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.9", "::1", " mail.lan "])
def test_a_server_that_is_not_public_is_not_stored(
    make_site: Any, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each connection was refused, and until then it looked as if mail could leave."""
    look_up = addresses._addresses
    names = {"mail.lan": ["10.0.0.9"]}
    monkeypatch.setattr(addresses, "_addresses", lambda h, p: names.get(h) or look_up(h, p))
    site = make_site()
    with pytest.raises(api.SettingsInvalid, match=r"host: .* which is not public"):
        api.change_settings(site, "mail", {"host": host})
    api.change_settings(site, "mail", {"host": "does-not-exist.invalid"})
    with monkeypatch.context() as patched:
        patched.setattr(addresses, "_addresses", lambda h, p: ["10.0.0.9"])
        api.change_settings(site, "mail", {"from_name": "Parks"})  # the host stays as it is
    development = make_site(development=True)
    api.change_settings(development, "mail", {"host": host})


def test_letters_wait_while_the_server_is_not_known(
    two_processes: tuple[Site, Site], smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They once went to a folder, and their jobs were done."""
    web, runner = two_processes
    api.change_settings(web, "mail", values_of(smtp_server))
    for _ in range(2):
        web.db.sync.write(lambda tx: tx.enqueue("letters.send", {}))

    def fails() -> None:
        raise DatabaseUnavailable("gone")

    # The first read of a process fails.
    assert runner.settings.read == 0
    with monkeypatch.context() as patched:
        patched.setattr(reading, "stored_groups", fails)
        patched.setattr(reading, "RETRY_SECONDS", 0.0)
        Executor(runner).run_due()
        (hold,) = web.db.sync.all(holds())
        assert (hold.reason, "could not be read yet" in hold.note) == ("refused", True)
    # What was stored by an earlier version cannot be used.
    web.db.sync.write(partial(_store, security="rot13"))
    web.db.sync.write(try_now)
    Executor(runner).run_due()
    (hold,) = web.db.sync.all(holds())
    assert "the setting mail.security cannot be used: Choose one" in hold.note
    assert [each.status for each in check_mail(runner)] == ["error"]
    assert smtp_server.received == []
    assert not list((runner.folder("mail")).iterdir())
    api.change_settings(web, "mail", {"security": "offered"})
    Executor(runner).run_due()
    assert len(smtp_server.received) == 2


def _store(_: Tx, **values: str) -> None:
    row = CoreSettings.get_by_id("mail")
    CoreSettings.update(data={**row.data, **values}).where(CoreSettings.name == "mail").execute()


TEST = "/api/settings/mail/test"


@pytest.mark.parametrize(
    ("behaviour", "failed"),
    [
        (None, None),
        (Behaviour("mail", reply="553 5.7.1 not owned"), "sender"),
        (Behaviour("rcpt", reply="550 5.1.1 nobody"), "message"),
        (Behaviour("data", reply="554 spam"), "message"),
    ],
)
@pytest.mark.database("sqlite")
async def test_a_trial_says_which_step_failed(
    open_app: Any, smtp_server: SmtpServer, behaviour: Behaviour | None, failed: str | None
) -> None:
    if behaviour is not None:
        smtp_server.always(behaviour)
    async with open_app(development=True) as app, signed_in(app, "SUPER_ADMIN") as client:
        shown = (await client.post(TEST, json={"values": values_of(smtp_server)})).json()
        assert (shown["ok"], shown["failed"]) == (failed is None, failed), shown
        assert app.site.mail_settings.host == "", "the values were saved"
        assert "example.org" not in shown["detail"]
        if failed is None:
            (received,) = smtp_server.received
            assert received.recipients == (shown["sent_to"],)
            assert shown["passed"] == ["name", "connect", "tls", "sign_in", "sender", "message"]


@pytest.mark.database("sqlite")
async def test_a_trial_finds_names_ports_tls_and_passwords_that_are_wrong(
    open_app: Any, other_server: SmtpServer
) -> None:
    async with open_app(development=True) as app, signed_in(app, "SUPER_ADMIN") as client:

        async def failed(**values: Any) -> str:
            body = {"values": values_of(other_server, **values), "send": False}
            response = await client.post(TEST, json=body)
            return str(response.json()["failed"])

        assert await failed(host="does-not-exist.invalid") == "name"
        assert await failed(port=1) == "connect"
        assert await failed(security="required") == "tls"
        assert await failed(user="user", password="wrong") == "sign_in"
        assert await failed(user="user", password="right") == "None"
        assert other_server.received == []
        none = await client.post(TEST, json={})
        assert (none.status_code, none.json()["code"]) == (409, "no_mail_server")
        assert (await client.post("/api/settings/regional/test", json={})).status_code == 404
        for host in ("smtp.example.org:587", "[::1]", "192.0.2.1:25"):
            wrong = await client.post(TEST, json={"values": {"host": host}})
            assert [each["field"] for each in wrong.json()["errors"]] == ["values.host"]
        wrong = await client.post(TEST, json={"values": {"port": 0, "host": "a b"}})
        assert [each["field"] for each in wrong.json()["errors"]] == ["values.port"]


@pytest.mark.database("sqlite")
async def test_a_person_tries_one_server_at_a_time(open_app: Any, smtp_server: SmtpServer) -> None:
    smtp_server.always(Behaviour("mail", delay=0.5))
    async with open_app(development=True) as app, signed_in(app, "SUPER_ADMIN") as client:
        body = {"values": values_of(smtp_server), "send": False}
        tries = await asyncio.gather(*(client.post(TEST, json=body) for _ in range(3)))
        assert sorted(each.status_code for each in tries) == [200, 429, 429]
        assert {each.json().get("code") for each in tries} == {None, "trial_under_way"}
        assert (await client.post(TEST, json=body)).status_code == 200


@pytest.mark.database("sqlite")
async def test_an_organiser_s_server_is_public_and_the_operator_s_any(
    open_app: Any, make_config: Any, smtp_server: SmtpServer
) -> None:
    async with open_app() as app, signed_in(app, "SUPER_ADMIN") as client:
        values = values_of(smtp_server)
        shown = (await client.post(TEST, json={"values": values, "send": False})).json()
        assert (shown["failed"], "not public" in shown["detail"]) == ("connect", True)
    operators = Config.for_tests(app.site.config.site_dir, smtp_url=smtp_server.url)
    site = Site(operators, [])
    assert not site.mail_choice.public_only
    assert site.settings.group("mail").locks.keys() >= {"host", "port", "user", "password"}
    site.close()
