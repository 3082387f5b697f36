"""Organisers change the texts of the site's mail: over the API, and on the command line."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from click.testing import CliRunner

from changemaker_core.cli import common, main
from changemaker_core.features.accounts import api as accounts
from changemaker_core.features.mailtemplates import services
from changemaker_core.features.mailtemplates.checks import check_changed
from changemaker_core.features.mailtemplates.models import Version
from changemaker_core.mail import Address
from changemaker_core.testing import Clock, as_role, client_of, run_jobs, signed_in
from tests.mailtemplates.conftest import CONFIRM, ParksPlugin

PATH = "/api/mail-templates/parks.confirm"
NEW = {"subject": "Hello {{ name }}", "text": "Click:\n{{ confirm_url }}", "version": 0}
VALUES = {each.name: each.sample for each in CONFIRM.variables}
JSON = {"Accept": "application/json"}


@pytest.fixture
async def editor(app):
    async with signed_in(app, "PARKS_EDITOR") as client:
        yield client


async def sent(app, locale="en"):
    """The mail as it is sent now."""
    to = Address("Ada", "ada@example.org")
    return await asyncio.to_thread(
        lambda: CONFIRM.message(app.site, to=to, locale=locale, values=VALUES)
    )


async def test_a_text_is_replaced_and_every_way_leads_back(app, editor):
    before = (await editor.get(f"{PATH}/en")).json()
    assert (before["source"], before["version"], before["mistakes"]) == ("shipped", 0, [])
    assert before["variables"][3]["required"] == "without it, no one can confirm."
    assert [each["name"] for each in before["variables"]][-2:] == ["organisation", "site_url"]

    saved = await editor.put(f"{PATH}/en", json=NEW)
    assert saved.status_code == 200, saved.text
    assert (saved.json()["version"], saved.json()["changed_by"]) == (1, "Sam Sample")
    assert (await sent(app)).subject == "Hello Ada"
    again = await editor.put(f"{PATH}/en", json={**NEW, "version": 1})
    assert again.json()["version"] == 1  # nothing was changed

    other = {**NEW, "text": NEW["text"] + "\nThanks", "version": 1}
    assert (await editor.put(f"{PATH}/en", json=other)).json()["version"] == 2
    stale = await editor.put(f"{PATH}/en", json=NEW | {"version": 1})
    assert (stale.status_code, stale.json()["code"]) == (409, "changed_meanwhile")
    assert "Sam Sample changed this text" in stale.json()["detail"]
    latest = (await editor.get(f"{PATH}/en/versions/2")).json()
    assert latest["changes"][-1] == "+Thanks"

    back = await editor.post(f"{PATH}/en/rollback", json={"number": 1, "version": 2})
    assert (back.json()["version"], back.json()["text"]) == (3, NEW["text"])
    reset = await editor.delete(f"{PATH}/en", params={"version": 3})
    assert (reset.json()["source"], reset.json()["version"]) == ("shipped", 4)
    assert (await sent(app)).subject == "Please confirm, Ada"
    assert (await editor.delete(f"{PATH}/en")).json()["version"] == 4

    history = (await editor.get(f"{PATH}/en/versions")).json()["data"]
    assert [(v["number"], v["source"], v["restores"]) for v in history] == [
        (4, "shipped", None),
        (3, "own", 1),
        (2, "own", None),
        (1, "own", None),
    ]
    listed = (await editor.get("/api/mail-templates")).json()["data"]
    (parks,) = [each for each in listed if each["name"] == "parks.confirm"]
    assert (parks["plugin"], [each["language"] for each in parks["languages"]]) == (
        "parks",
        list(app.site.translations.locales),
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": "No link"}, "{{ confirm_url }} doit se trouver dans le texte"),
        ({"text": "{{ confirm_url }}\n{{ nmae }}"}, "Ligne 2\N{NO-BREAK SPACE}: La variable"),
        ({"text": "{{ confirm_url }}{% include 'x' %}"}, "n’est pas permis"),
        ({"subject": "{{ ''.__class__ }}"}, "n’est pas permis"),
        ({"subject": "{{ note }}"}, "compte plusieurs lignes"),
        ({"text": "é" * 5_001}, "5000"),
    ],
)
@pytest.mark.database("sqlite")
async def test_a_mistake_is_not_saved_sent_or_shown(app, editor, change, message):
    editor.headers["Accept-Language"] = "fr"
    body = {key: value for key, value in {**NEW, **change}.items() if key != "version"}
    for response in (
        await editor.put(f"{PATH}/en", json=body | {"version": 0}),
        await editor.post(f"{PATH}/en/preview", json=body),
        await editor.post(f"{PATH}/en/test", json=body),
    ):
        assert response.status_code == 422, response.text
        assert message in response.text
    assert await run_jobs(app.site) == 0
    assert await app.site.db.read(lambda: Version.select().count()) == 0


async def test_of_a_long_history_the_last_versions_are_kept(app, editor, monkeypatch):
    monkeypatch.setattr(services, "MOST_VERSIONS", 2)
    for number in range(4):
        text = {**NEW, "subject": f"Number {number}", "version": number}
        assert (await editor.put(f"{PATH}/en", json=text)).status_code == 200
    listed = (await editor.get(f"{PATH}/en/versions")).json()["data"]
    assert [each["number"] for each in listed] == [4, 3]
    oldest = await editor.get(f"{PATH}/en/versions/3")
    assert oldest.json()["subject"] == "Number 2"
    assert (await editor.get(f"{PATH}/en/versions/2")).status_code == 404


async def test_of_two_changes_at_once_one_is_refused(app, editor):
    texts = [{**NEW, "subject": f"Number {n}"} for n in range(5)]
    responses = await asyncio.gather(*(editor.put(f"{PATH}/en", json=each) for each in texts))
    assert sorted(each.status_code for each in responses) == [200, 409, 409, 409, 409]
    rows = await app.site.db.read(lambda: list(Version.select().dicts()))
    assert [(row["number"], row["is_current"]) for row in rows] == [(1, True)]


@pytest.mark.database("sqlite")
async def test_a_preview_runs_nothing_and_a_test_goes_to_the_editor_alone(app, editor):
    draft = {"text": "<script>alert(1)</script>\n{{ note }}\n{{ confirm_url }}"}
    shown = (await editor.post(f"{PATH}/fr/preview", json=draft)).json()
    assert shown["text"].startswith("<script>alert(1)</script>\nOne\ntwo\n")
    assert "&lt;script&gt;" in shown["html"]
    page = await editor.get(f"{PATH}/fr/preview")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("sandbox; default-src 'none'")

    response = await editor.post(f"{PATH}/en/test", json=draft)
    assert response.status_code == 202, response.text
    await run_jobs(app.site)
    (mail,) = app.site.mail.messages()
    assert mail.to == f"Sam Sample <{response.json()['to']}>"
    assert mail.subject == "Please confirm, Ada"
    for _ in range(19):
        assert (await editor.post(f"{PATH}/en/test", json={})).status_code == 202
    assert (await editor.post(f"{PATH}/en/test", json={})).status_code == 429


@pytest.mark.database("sqlite")
async def test_what_is_not_there_and_who_has_no_permission(app, editor):
    absent = ("parks.conform/en", "parks.confirm/xx-yy", "parks.confirm/..%2Fen", "a%00b/en")
    for path in (*absent, "parks.confirm/fr.%00", "parks.confirm/fr@x", "parks.confirm/root"):
        response = await editor.get(f"/api/mail-templates/{path}")
        assert response.status_code == 404, path
    for number in ("0", "9", "-1", "99999999999", "x"):
        assert (await editor.get(f"{PATH}/en/versions/{number}")).status_code == 404
    unknown = await editor.post(f"{PATH}/en/rollback", json={"number": 9, "version": 0})
    assert unknown.status_code == 404
    async with signed_in(app, "PARKS_READER") as reader, client_of(app) as visitor:
        for client, status in ((reader, 403), (visitor, 401)):
            assert (await client.put(f"{PATH}/en", json=NEW)).status_code == status
            assert (await client.delete(f"{PATH}/en")).status_code == status
            assert (await client.post(f"{PATH}/en/test", json={})).status_code == status
        assert (await reader.get(f"{PATH}/en")).status_code == 200
        assert (await visitor.get(f"{PATH}/en")).status_code == 401
    async with as_role(app, "PARKS_EDITOR", headers=JSON) as browser:
        forged = await browser.put(f"{PATH}/en", json=NEW)  # no token of the session's forms
        assert forged.status_code == 403


@pytest.mark.database("sqlite")
async def test_mails_that_give_power_are_changed_by_who_has_just_signed_in(open_app):
    clock = Clock()
    path = "/api/mail-templates/accounts.reset/en"
    new = {"subject": "Choose a password", "text": "Here:\n{{ link }}", "version": 0}
    changes = (
        ("PUT", path, new),
        ("POST", f"{path}/rollback", {"number": 1, "version": 1}),
        ("DELETE", path, None),
    )
    who = {"email": "sam@example.org", "password": "wide river, slow boat"}
    async with open_app(ParksPlugin, clock=clock) as app, client_of(app) as admin:
        await asyncio.to_thread(
            lambda: accounts.create_user(app.site, name="Sam", role="SUPER_ADMIN", **who)
        )
        tokens = (await admin.post("/api/auth/login", json=who)).json()
        admin.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        wanted = {"name": "Texts", "permissions": ["mailtemplates.write"]}
        key = (await admin.post("/api/api-keys", json=wanted)).json()["key"]
        clock.forward(minutes=16)
        again = {"refresh_token": tokens["refresh_token"]}
        del admin.headers["Authorization"]
        tokens = (await admin.post("/api/auth/refresh", json=again)).json()
        admin.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        async with client_of(app, headers={"x-api-key": key}) as program:
            for client, status in ((admin, 401), (program, 403)):
                for method, address, body in changes:
                    late = await client.request(method, address, json=body)
                    assert (late.status_code, late.json()["code"]) == (
                        status,
                        "recent_sign_in_required",
                    )
            assert (await program.put(f"{PATH}/en", json=NEW)).status_code == 200
        assert (await admin.put(f"{PATH}/fr", json=NEW)).status_code == 200


@pytest.fixture
def command(site, monkeypatch):
    """``command("list")``: what the command prints, for this site."""

    @contextlib.contextmanager
    def opened():
        yield site

    monkeypatch.setattr(common, "opened_site", opened)

    def run(*words, stdin="", fails=False):
        result = CliRunner().invoke(main, ["mail-templates", *words], input=stdin)
        assert (result.exit_code != 0) is fails, result.output
        return result.output

    return run


@pytest.mark.database("sqlite")
def test_the_command_line_does_what_the_api_does(site, command, monkeypatch):
    shown = command("show", "parks.confirm")
    assert shown.startswith("Please confirm, {{ name }}\n\nHello {{ name }},\n")
    unseen = shown.replace("Please", "SV\u200bP").replace("Hello", "H\x1bello")
    command("set", "parks.confirm", "fr-ca", stdin=unseen)  # cleaned as in a form
    assert "fr-CA*" in command("list")
    assert "+SVP confirm, {{ name }}" in command("history", "parks.confirm", "fr-CA")
    assert command("preview", "parks.confirm", "fr-CA").startswith("SVP confirm, Ada\n\nHello Ada")
    assert "<p" in command("preview", "parks.confirm", "fr-CA", "--html")

    def typed(text):
        monkeypatch.setattr("click.edit", lambda *_, **__: text)
        return command("edit", "parks.confirm", "fr-CA", fails="{{ nmae }}" in text)

    refused = typed("Subject\n\n{{ confirm_url }}\n{{ nmae }}")
    assert "{{ nmae }}\nThis was not saved:" in refused  # nothing that was typed is lost
    assert "Did you mean {{ name }}?" in refused
    assert "Saved." in typed("Subject\n\n{{ confirm_url }}")
    command("rollback", "parks.confirm", "fr-CA", "1")
    command("reset", "parks.confirm", "fr-CA")
    assert "fr-CA*" not in command("list")
    assert "Did you mean 'parks.confirm'?" in command("show", "parks.confrim", fails=True)
    assert "no language 'french'" in command("show", "parks.confirm", "french", fails=True)
    assert "no such version" in command("rollback", "parks.confirm", "fr", "7", fails=True)


@pytest.mark.database("sqlite")
def test_doctor_reports_texts_that_are_not_sent_and_those_to_compare(site, command):
    shown = command("show", "parks.confirm")
    command("set", "parks.confirm", stdin=shown)
    command("set", "parks.confirm", "fr", stdin=shown)
    assert [each.status for each in check_changed(site)] == ["ok"]

    def update(tx):
        Version.update(text="{{ gone }}").where(Version.language == "fr").execute()
        Version.update(shipped_hash="of the version before").where(
            Version.language == "en"
        ).execute()

    site.db.sync.write(update)
    findings = list(check_changed(site))
    assert [each.status for each in findings] == ["warning", "error", "ok"]
    assert "parks.confirm in fr is not sent: text: Line 1" in findings[1].detail
