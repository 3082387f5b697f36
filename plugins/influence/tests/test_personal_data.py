"""One person goes through everything that stores something about people; their data is exported
whole, and erased whole."""

from __future__ import annotations

import asyncio
import logging
import sqlite3

import httpx
import msgspec
import pytest

from changemaker_core import Conflict
from changemaker_core.features.accounts import api as accounts
from changemaker_core.features.audit.sealing import seal
from changemaker_core.features.audit.verification import verify
from changemaker_core.features.privacy import services
from changemaker_influence.directories.models import PostalCode
from changemaker_influence.emails import personal
from changemaker_influence.emails.models import CampaignEmail
from changemaker_influence.plugin import InfluencePlugin

EMAIL = "zqxmarker.mail@example.org"
PASSWORD = "a wide river and a slow boat"
#: Found in nothing else; each is looked for without regard to case.
MARKERS = {
    "email": "zqxmarker.mail",
    "name": "zqxmarkername",
    "phone": "+15550142777",
    "message": "zqxmarkermessage",
    "subject": "zqxmarkersubject",
    "key": "zqxmarkerkey",
    "agent": "zqxmarkeragent",
    "address": "203.0.113.77",
    "postal code": "L5G 4L3",
}


@pytest.fixture
def person(visit):
    """The site, and a client of the person."""

    async def open_(v):
        transport = httpx.ASGITransport(app=v.app, client=("203.0.113.77", 5000))
        headers = {"User-Agent": "Zqxmarkeragent/1.0"}
        return httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:4000", headers=headers
        )

    return open_


async def write(v, campaign, client, **changes):
    body = {
        "sender_name": "Zqxmarkername Person",
        "sender_email": " Zqxmarker.Mail@Example.ORG".strip(),
        "postal_code": "l5g 4l3",
        "recipient_emails": changes.pop("to"),
        "subject": "Zqxmarkersubject",
        "body": "Dear {recipient_name},\n\nZqxmarkermessage of {sender_name} in {postal_code}",
        "consent": True,
        **changes,
    }
    sent = await client.post(f"/api/campaigns/{campaign['id']}/send-email", json=body)
    assert sent.status_code == 202, sent.text
    return sent.json()["emails"]


async def live(v, client, campaign):
    """All that a person does on a site."""
    found = await v.representatives("L5G 4L3", client)
    people = [each["email"] for each in found.json()["data"] if each["can_email"]]
    assert len(people) >= 2
    entry = {"directory": "file", "code": "L5G4L3", "entry": {"city": "x"}}
    cache = PostalCode.insert(**entry, cached_at=v.site.clock())
    await v.site.db.write(lambda tx: cache.execute())
    for to, status, error in (
        (people[0], None, None),
        (people[1], "FAILED", f"550 {EMAIL} is not welcome"),
        (people[0], "UNKNOWN", None),
        (people[1], "SENDING", None),
    ):
        (email,) = await write(v, campaign, client, to=[to])
        if status is not None:
            change = CampaignEmail.update(status=status, error=error)
            change = change.where(CampaignEmail.id == email["id"])
            await v.site.db.write(lambda tx, change=change: change.execute())
        await v.run_jobs()
    status_page = f"/emails/{email['id']}"
    await asyncio.to_thread(
        lambda: accounts.create_user(
            v.site, email=EMAIL, name="Zqxmarkername", role="SUPER_ADMIN", password=PASSWORD
        )
    )
    login = {"email": EMAIL, "password": "not it, and of a good length"}
    assert (await client.post("/api/auth/login", json=login)).status_code == 401
    signed = await client.post("/api/auth/login", json={**login, "password": PASSWORD})
    client.headers["Authorization"] = f"Bearer {signed.json()['access_token']}"
    key = {"name": "Zqxmarkerkey", "permissions": ["operations.jobs.read"]}
    assert (await client.post("/api/api-keys", json=key)).status_code == 201
    me = (await client.get("/api/auth/me")).json()
    phone = await client.patch(f"/api/users/{me['id']}", json={"phone": "+15550142777"})
    assert phone.status_code == 200, phone.text
    name = await client.patch("/api/settings/organisation", json={"values": {"name": "Rivers"}})
    assert name.status_code == 200, name.text
    forgot = await client.post("/api/auth/forgot-password", json={"email": EMAIL})
    assert forgot.status_code in (200, 202, 204), forgot.text
    await v.run_jobs()
    await write(v, campaign, client, to=[people[0]], body="Zqxmarkermessage, which waits")
    await client.post("/api/auth/forgot-password", json={"email": EMAIL})
    return status_page, me["id"]


def in_tables(site):
    """Every value of every table, as text, beside the name of its column."""

    def read(tx):
        for table in tx.database.get_tables():
            rows = tx.database.execute_sql(f'SELECT * FROM "{table}"')  # noqa: S608  # its own tables
            names = [each[0] for each in rows.description]
            for row in rows.fetchall():
                for name, value in zip(names, row, strict=True):
                    yield f"{table}.{name}", str(value)

    return site.db.sync.write(lambda tx: list(read(tx)))


def left_in(places):
    """Where which marker is."""
    spelt = {**MARKERS, "compact code": "L5G4L3"}
    return sorted(
        {
            f"{name} in {place}"
            for place, text in places
            for name, marker in spelt.items()
            if marker.lower() in text.lower()
        }
    )


def files_of(site):
    """The text of every file of a site, those of its database apart."""
    for path in site.config.site_dir.rglob("*"):
        if path.is_file() and not path.name.startswith("site.db"):
            yield str(path.name), path.read_bytes().decode("utf-8", "replace")


async def test_a_person_is_exported_whole_and_erased_whole(visit, person, caplog):
    caplog.set_level(logging.INFO)
    async with visit() as v:
        campaign = await v.campaign(allow_email_editing=True)
        client = await person(v)
        status_page, user_id = await live(v, client, campaign)
        public = (
            *("/campaigns", f"/campaigns/{campaign['slug']}", status_page, "/api/metrics"),
            *("/api/public/campaigns", f"/api/public/campaigns/{campaign['slug']}"),
            *("/api/health", "/sitemap.xml", "/robots.txt", "/privacy"),
        )
        pages = [(path, (await v.client.get(path)).text) for path in public]
        assert left_in(pages) == []

        stored = left_in(await asyncio.to_thread(in_tables, v.site))
        assert {each.partition(" in ")[0] for each in stored} >= MARKERS.keys()
        assert len({each.partition(" in ")[2] for each in stored}) >= 12
        assert left_in(files_of(v.site)) != []

        found = await asyncio.to_thread(services.find_person, v.site, [EMAIL.upper()])
        assert found.user_ids == (user_id,)
        assert found == await asyncio.to_thread(services.find_person, v.site, [user_id])
        held, document = await asyncio.to_thread(services.export, v.site, found)
        text = msgspec.json.encode(document).decode()
        missing = {name for name, marker in MARKERS.items() if marker.lower() not in text.lower()}
        assert missing == set()
        assert "$argon2" not in text
        letters = next(each.rows for each in held if each.kind.name == "influence.letters")
        assert {each["status"] for each in letters} >= {"SENT", "FAILED", "UNKNOWN", "QUEUED"}
        assert all(each["consent_text"] for each in letters)

        await v.site.db.write(seal, v.site)
        # One letter is being sent: everything else goes, and it remains for now, with the account.
        with pytest.raises(Conflict) as refused:
            await asyncio.to_thread(services.erase, v.site, found)
        assert "last administrator" in str(refused.value.detail)
        await v.sign_in("SUPER_ADMIN")
        done = await asyncio.to_thread(services.erase, v.site, found)
        remaining = [each.kind.name for each in done if each.remaining]
        assert remaining == ["influence.letters", "accounts.users"]
        settle = CampaignEmail.update(status="SENT").where(CampaignEmail.status == "SENDING")
        await v.site.db.write(lambda tx: settle.execute())
        await v.run_jobs()
        done = await asyncio.to_thread(services.erase, v.site, found)
        assert sum(each.erased for each in done) > 0
        again = await asyncio.to_thread(services.erase, v.site, found)
        assert {(each.erased, each.remaining) for each in again} == {(0, 0)}

        pages = [(path, (await v.client.get(path)).text) for path in public]
        assert left_in(pages) == []
        assert left_in(await asyncio.to_thread(in_tables, v.site)) == []
        assert left_in(files_of(v.site)) == []
        assert left_in(("log", each.getMessage()) for each in caplog.records) == []
        report = await asyncio.to_thread(verify, v.site)
        assert (report.problem, report.erased > 0, report.sealed > 0) == (None, True, True)
        counted = await v.site.db.read(lambda: CampaignEmail.select().count())
        assert counted == 3, "what was delivered, or may have been, is still counted"
        await v.run_jobs()
        assert left_in(files_of(v.site)) == [], "nothing was sent for them since"
        if v.site.db.dialect == "sqlite":
            assert left_in([("file", freed_bytes(v.site))]) == []


def freed_bytes(site):
    """The bytes of the database file, where deleted rows may still be."""
    path = site.config.site_dir / "site.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path.read_bytes().decode("latin-1")


def test_what_is_too_old_is_found_by_an_index(make_site):
    """Anonymised letters of all years are in the table, and writers wait meanwhile."""
    table = {"influence": {"directory": "file"}}
    site = make_site(InfluencePlugin, plugin_tables=table)
    letters = CampaignEmail.select(CampaignEmail.id).where(personal._old(site.clock())).limit(200)
    codes = PostalCode.delete().where(PostalCode.code.in_(["L5G 4L3", "L5G4L3"]))

    def plan(tx, query):
        sql, values = query.bind(tx.database).sql()
        if tx.dialect == "sqlite":
            return str(tx.database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", values).fetchall())
        tx.database.execute_sql("SET LOCAL enable_seqscan = off")  # they are empty
        return str(tx.database.execute_sql(f"EXPLAIN {sql}", values).fetchall())

    assert "influence_campaign_email_expiring" in site.db.sync.write(plan, letters)
    assert "influence_postal_code_code" in site.db.sync.write(plan, codes)
