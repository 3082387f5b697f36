"""Kinds of personal data: how they are found, erased step by step, and kept for a time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import peewee
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core import (
    ERASED,
    Conflict,
    Invalid,
    Job,
    Model,
    Person,
    PersonalData,
    Plugin,
    Retention,
    Text,
    UtcField,
    UUIDField,
    delete_rows,
    export_rows,
    new_id,
)
from changemaker_core.audit.models import CoreAuditEntry
from changemaker_core.cli import main
from changemaker_core.features.mailtemplates.models import Version
from changemaker_core.features.privacy import columns, retention, services
from changemaker_core.features.settings.services import change
from changemaker_core.features.webhooks import personal as webhooks
from changemaker_core.features.webhooks.models import Delivery, Endpoint
from changemaker_core.jobs.models import CoreJob
from changemaker_core.mail import Address, FolderTransport, Message
from changemaker_core.plugin.errors import BootFailed
from changemaker_core.testing import Clock, client_of, run_jobs, signed_in

if TYPE_CHECKING:
    from pathlib import Path


class Greeting(Model):
    """What somebody wrote."""

    id = UUIDField(primary_key=True, default=new_id)
    name = peewee.CharField(max_length=100)
    email = peewee.CharField(max_length=254)
    at = UtcField()

    class Meta:
        table_name = "hello_greeting"


def mine(person: Any) -> Any:
    return Greeting.email.in_(person.emails)


def stop(tx: Any, person: Any) -> int:
    raise RuntimeError("killed")


GREETINGS = PersonalData(
    "hello.greetings",
    "Greetings",
    columns=(Greeting.name, Greeting.email),
    export=lambda person: export_rows(Greeting, mine(person)),
    erase=lambda tx, person: delete_rows(Greeting, mine(person)),
    retention=Retention(
        100,
        count=lambda before: Greeting.select().where(Greeting.at < before).count(),
        expire=lambda tx, before: delete_rows(Greeting, Greeting.at < before),
    ),
)


class HelloPlugin(Plugin):
    """A plugin that stores greetings."""

    name = "hello"
    contributes = (Greeting, GREETINGS, Job("hello.greet", lambda run, email: None, queue="hello"))


def greet(site: Any, email: str, times: int = 1) -> None:
    def write(tx: Any) -> None:
        for _ in range(times):
            Greeting.insert(name="Ann", email=email, at=tx.now).execute()

    site.db.sync.write(write)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def site(make_site: Any, clock: Clock) -> Any:
    site = make_site(HelloPlugin, clock=clock)

    def create(tx: Any) -> None:
        tx.database.create_tables([Greeting])

    site.db.sync.write(create)
    return site


def test_an_erasure_goes_on_where_it_was_interrupted(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from changemaker_core.features.accounts import api as accounts

    accounts.create_user(site, email="ann@example.org", name="Ann", role="USER", password=None)
    greet(site, "ann@example.org", 450)
    greet(site, "joann@example.org")
    person = services.find_person(site, ["  Ann@EXAMPLE.org"])
    assert len(person.user_ids) == 1
    kinds = services.kinds_of(site)
    broken = [
        kind
        if kind.name != "accounts.links"
        else PersonalData(kind.name, kind.label, kind.columns, kind.export, stop)
        for kind in kinds
    ]
    with monkeypatch.context() as patch:
        patch.setattr(services, "kinds_of", lambda _: broken)
        with pytest.raises(RuntimeError, match="killed"):
            services.erase(site, person)
    again = services.find_person(site, ["ann@example.org"])
    assert again == person, "the account is erased last, so that the rest is found by it"
    done = {each.kind.name: each.erased for each in services.erase(site, again)}
    assert (done["hello.greetings"], done["accounts.users"]) == (0, 1)
    left = site.db.sync.read(lambda: [each.email for each in Greeting.select()])
    assert left == ["joann@example.org"]
    assert services.find_person(site, ["ann@example.org"]).user_ids == ()


def test_jobs_that_name_a_person_are_erased(site: Any) -> None:
    for email in ("ann@example.org", "joann@example.org", "ann@example.org.uk", "zoé@example.org"):
        site.db.sync.write(lambda tx, email=email: tx.enqueue("hello.greet", {"email": email}))
    person = services.find_person(site, ["ANN@example.org", "Zoé@example.org"])
    held = {each.kind.name: each.rows for each in services.held_about(site, person)}
    found = sorted(each["payload"]["email"] for each in held["core.jobs"])
    assert found == ["ann@example.org", "zoé@example.org"]
    services.erase(site, person)
    assert (
        site.db.sync.read(lambda: CoreJob.select().where(CoreJob.name == "hello.greet").count())
        == 2
    )


def test_jobs_that_only_report_a_person_go_on_without_them(site: Any) -> None:
    def write(tx: Any) -> None:
        for error in ("550 <ann@example.org> is full", "550 <joann@example.org> is full", None):
            id = tx.enqueue("hello.greet", {"email": "joann@example.org"})
            CoreJob.update(error=error, progress_note=error).where(CoreJob.id == str(id)).execute()

    site.db.sync.write(write)
    person = services.find_person(site, ["ann@example.org"])
    done = {each.kind.name: each for each in services.erase(site, person)}
    assert (done["core.jobs"].erased, done["core.jobs"].remaining) == (1, 0)
    jobs = CoreJob.select().where(CoreJob.name == "hello.greet").order_by(CoreJob.id)
    left = site.db.sync.read(lambda: [(each.error, each.progress_note) for each in jobs])
    assert left == [(ERASED, ERASED), ("550 <joann@example.org> is full",) * 2, (None, None)]


def test_a_person_is_found_in_any_case(site: Any) -> None:
    """SQLite compares letters beyond ASCII as they are."""
    for email in ("ZOÉ@EXAMPLE.ORG", "zoe@example.org"):
        site.db.sync.write(lambda tx, email=email: tx.enqueue("hello.greet", {"email": email}))
    person = Person(("zoé@example.org",))
    held = {each.kind.name: each.rows for each in services.held_about(site, person)}
    assert [each["payload"]["email"] for each in held["core.jobs"]] == ["ZOÉ@EXAMPLE.ORG"]


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("o'brien@example.org", False),
        ("bob'brien@example.org", False),
        ("jack&brien@example.org", False),
        ("'brien@example.org'", True),
        ("b'brien@example.org'", True),
        ("to=brien@example.org", True),
        ("&lt;brien@example.org&gt;", True),
    ],
)
def test_an_apostrophe_is_a_part_of_an_address_or_stands_before_it(
    text: str, is_named: bool
) -> None:
    assert Person(("brien@example.org",)).is_named_in(text) is is_named


def test_the_last_administrator_stays_whenever_they_become_it(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from changemaker_core.features.accounts import api as accounts
    from changemaker_core.features.accounts.users.models import User

    for name in ("ann", "zoe"):
        accounts.create_user(
            site,
            email=f"{name}@example.org",
            name=name,
            role="SUPER_ADMIN",
            password="a wide river and a slow boat",
        )
    person = services.find_person(site, ["ann@example.org"])
    check = services.check_erasable

    def and_then_the_other_leaves(*about: Any) -> None:
        check(*about)
        other = User.delete().where(User.email == "zoe@example.org")
        site.db.sync.write(lambda tx: other.execute())

    monkeypatch.setattr(services, "check_erasable", and_then_the_other_leaves)
    with pytest.raises(Conflict, match="last_administrator"):
        services.erase(site, person)
    assert services.find_person(site, ["ann@example.org"]).user_ids == person.user_ids


def test_what_a_person_changed_stays_without_their_name(site: Any) -> None:
    from changemaker_core.features.accounts import api as accounts

    accounts.create_user(site, email="ann@example.org", name="Ann", role="USER", password=None)
    person = services.find_person(site, ["ann@example.org"])

    def write(tx: Any) -> None:
        for number, id in enumerate((*person.user_ids, new_id()), 1):
            Version.create(
                name="accounts.invitation",
                language="en",
                number=number,
                shipped_hash="",
                changed_at=tx.now,
                changed_by="Ann",
                changed_by_id=id,
            )

    site.db.sync.write(write)
    done = {each.kind.name: each for each in services.erase(site, person)}
    outcome = done["mailtemplates.authors"]
    assert (outcome.erased, outcome.remaining) == (1, 0)
    names = site.db.sync.read(
        lambda: [each.changed_by for each in Version.select().order_by(Version.number)]
    )
    assert names == [ERASED, "Ann"], "somebody else of this name has changed the second"


def test_webhooks_that_name_a_person_are_erased_and_not_sent(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "BATCH", 1)

    def write(tx: Any) -> None:
        sealed = {"url": "https://example.org", "events": [], "secret": "x", "created_at": tx.now}
        endpoint = Endpoint.create(**sealed)
        for position, (body, state) in enumerate(
            [
                ('{"email": "ann@example.org"}', "delivered"),
                ('{"email": "joann@example.org"}', "delivered"),
                ('{"email": "ann@example.org"}', "waiting"),
                ('{"email": "ann@example.org"}', "failed"),
            ]
        ):
            named = {"endpoint": endpoint.id, "event": "hello.said", "message_id": str(position)}
            Delivery.create(**named, position=position, body=body, state=state, created_at=tx.now)

    site.db.sync.write(write)
    person = services.find_person(site, ["ann@example.org"])
    done = {each.kind.name: each for each in services.erase(site, person)}
    assert (done["webhooks.deliveries"].erased, done["webhooks.deliveries"].remaining) == (3, 0)
    left = site.db.sync.read(lambda: sorted(each.message_id for each in Delivery.select()))
    assert left == ["1"]


def test_an_account_stays_while_something_remains_that_has_its_id_only(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(!) Otherwise the next call would find nobody, and what remained would be stored for good."""
    from changemaker_core.features.accounts import api as accounts

    left = ["a letter that is being sent"]
    sending = PersonalData(
        "hello.letters",
        Text("Letters"),
        (),
        export=lambda person: [{"text": each} for each in left if person.user_ids],
        erase=lambda _tx, _person: 0,
    )
    kinds = services.kinds_of(site)
    monkeypatch.setattr(services, "kinds_of", lambda _site: [*kinds, sending])
    accounts.create_user(site, email="ann@example.org", name="Ann", role="USER", password=None)

    def erase() -> dict[str, int]:
        person = services.find_person(site, ["ann@example.org"])
        done = services.erase(site, person)
        return {each.kind.name: each.remaining for each in done if each.remaining}

    def recorded() -> int:
        of_erasures = CoreAuditEntry.select().where(
            CoreAuditEntry.action == "privacy.person.erased"
        )
        return int(site.db.sync.read(of_erasures.count))

    assert erase() == {"hello.letters": 1, "accounts.users": 1}
    left.clear()
    assert (erase(), recorded()) == ({}, 2)
    assert (erase(), recorded()) == ({}, 2), "an erasure that finds nothing is none"


def test_saved_mail_is_of_those_it_goes_to_or_who_wrote_it(site: Any) -> None:
    folder = site.folder("mail")
    sender, replies = Address("", "noreply@localhost"), Address("", "reply@example.org")
    admin, ann = Address("", "admin@example.org"), Address("Ann", "Ann@Example.org")
    link = "http://site/reset-password/SECRET"

    def save(to: Address, text: str, reply_to: Address, *, automatic: bool) -> None:
        message = Message(
            to=to, subject="S", text=text, reply_to=reply_to, automatic=automatic, headers={}
        )
        FolderTransport(folder, sender).store(message.as_bytes(sender))

    save(admin, f"{link} asked for by ann@example.org", replies, automatic=True)
    save(admin, f"{link} by", ann, automatic=True)
    save(ann, link, replies, automatic=True)
    save(Address("", "joann@example.org"), "my letter", ann, automatic=False)
    person = services.find_person(site, ["ann@example.org"])
    held = {each.kind.name: each.rows for each in services.held_about(site, person)}
    found = [(each["to"], each["text"]) for each in held["core.saved_mail"]]
    assert sorted(found) == [
        ("Ann <Ann@Example.org>", None),
        ("joann@example.org", "my letter\n"),
    ]
    assert "SECRET" not in str(held)
    services.erase(site, person)
    left = [path.read_text() for path in folder.glob("*.eml")]
    assert ["To: admin@example.org" in each for each in left] == [True, True]


@pytest.mark.parametrize("own", ["NoReply@localhost", "from@example.org", "reply@example.org"])
def test_addresses_of_the_site_itself_name_nobody(make_site: Any, own: str) -> None:
    site = make_site(HelloPlugin)
    values = {"from_address": "from@example.org", "reply_to": "reply@example.org"}
    group = site.settings.group("mail")
    site.db.sync.write(change, site.settings, group, values=values)
    with pytest.raises(Invalid) as refused:
        services.find_person(site, ["ann@example.org", own])
    assert ["of the site itself" in each.message for each in refused.value.errors] == [True]


WORDS = st.text("abc.@-_+ <>,;:", max_size=6)


@given(WORDS, WORDS)
def test_an_address_is_no_part_of_another(before: str, after: str) -> None:
    """Reference: the address as the words of the text that are separated by what none contains."""
    import re

    text = f"{before}ann@b.ca{after}"
    words = [each.strip(".") for each in re.split(r"[ <>,;:]+", text)]
    if "ann@b.ca" in words and not before.endswith("."):
        assert Person(("ann@b.ca",)).is_named_in(text)
    if not any("ann@b.ca" in each for each in words):
        assert not Person(("ann@b.ca",)).is_named_in(text)
    if re.search(r"[abc_+-]$", before) or re.match(r"[abc_+@-]", after):
        assert not Person(("ann@b.ca",)).is_named_in(text)


def test_what_is_no_address_finds_nobody(site: Any) -> None:
    with pytest.raises(Invalid) as refused:
        services.find_person(site, ["ann@example.org", "ann", "a\n@b.ca"])
    assert len(refused.value.errors) == 2


def test_what_is_too_old_is_deleted(site: Any, clock: Clock) -> None:
    greet(site, "ann@example.org", 3)
    clock.forward(days=60)
    greet(site, "ann@example.org")
    clock.forward(days=41)

    def rows() -> int:
        return int(site.db.sync.read(lambda: Greeting.select().count()))

    counted = {each.kind.name: n for each, n in retention.count_expired(site)}
    assert (counted["hello.greetings"], rows()) == (3, 4)
    done = {each.kind.name: n for each, n in retention.expire(site)}
    assert (done["hello.greetings"], rows()) == (3, 1)


def test_retention_is_configured(make_site: Any) -> None:
    table = {"privacy": {"retention_days": {"hello.greetings": 0, "absent.visits": 3}}}
    site = make_site(HelloPlugin, plugin_tables=table)
    assert "hello.greetings" not in {each.kind.name for each in retention.expiring(site)}
    assert list(retention.wrong_kinds(site)) == ["absent.visits"]
    table["privacy"]["retention_days"] = {"hello.greeting": 3}
    with pytest.raises(BootFailed, match=r"Did you mean 'hello\.greetings'\?"):
        make_site(HelloPlugin, plugin_tables=table)


class Careless(Model):
    """A model whose author forgot something."""

    id = UUIDField(primary_key=True, default=new_id)
    first_name = peewee.CharField(max_length=100)
    allows_email = peewee.BooleanField()
    city_name = peewee.CharField(max_length=10)

    class Meta:
        table_name = "careless_row"
        not_personal = ("city_name", "citty")


class CarelessPlugin(Plugin):
    """A plugin without declarations."""

    name = "careless"
    contributes = (Careless,)


@pytest.mark.database("sqlite")
def test_forgotten_columns_are_reported(make_site: Any) -> None:
    site = make_site(CarelessPlugin)
    assert list(map(str, columns.undeclared(site))) == ["Careless.first_name of careless"]
    assert list(map(str, columns.unknown_exemptions(site))) == ["Careless.citty of careless"]


@pytest.mark.database("sqlite")
def test_core_and_influence_declare_all_of_their_columns(make_site: Any) -> None:
    from changemaker_influence.plugin import InfluencePlugin

    site = make_site(InfluencePlugin)
    assert list(map(str, columns.undeclared(site))) == []
    assert list(map(str, columns.unknown_exemptions(site))) == []


@pytest.mark.database("sqlite")
async def test_the_api_asks_who_it_is_and_protects_those_who_may_do_more(open_app: Any) -> None:
    async with open_app() as app:
        body = {"emails": ["nobody@example.org"]}
        async with client_of(app) as visitor:
            for path in ("export", "erase"):
                refused = await visitor.post(f"/api/privacy/{path}", json=body)
                assert refused.status_code == 401
        async with signed_in(app, "SUPER_ADMIN") as admin:
            me = (await admin.get("/api/auth/me")).json()
            exported = await admin.post("/api/privacy/export", json={"emails": [me["email"]]})
            assert exported.status_code == 200, exported.text
            assert exported.headers["Cache-Control"] == "no-store"
            rows = {each["name"]: each["rows"] for each in exported.json()["data"]}
            assert rows["accounts.users"][0]["email"] == me["email"]
            assert "password_hash" not in rows["accounts.users"][0]
            own = await admin.post("/api/privacy/erase", json={"emails": [me["email"]]})
            assert own.status_code == 409
            made = {"email": "ann@example.org", "name": "Ann", "role": "USER"}
            assert (await admin.post("/api/users", json=made)).status_code == 201
            for dry_run, left in ((True, 1), (False, 0)):
                wanted = {"emails": ["ANN@example.org"], "dry_run": dry_run}
                erased = (await admin.post("/api/privacy/erase", json=wanted)).json()
                users = next(each for each in erased["data"] if each["name"] == "accounts.users")
                assert (users["found"], users["remaining"]) == (1, left)
                assert erased["complete"] is not dry_run
            wrong = await admin.post("/api/privacy/export", json={"emails": []})
            assert wrong.status_code == 422
            kinds = (await admin.get("/api/privacy/kinds")).json()["data"]
            assert {"core.jobs", "accounts.users"} <= {each["name"] for each in kinds}
        await run_jobs(app.site)


def test_the_command_shows_asks_and_erases(tmp_path: Path) -> None:
    (tmp_path / "changemaker.toml").write_text("development = true\n")
    (tmp_path / ".env").write_text("CHANGEMAKER_SECRET_KEY=q8Fh2kLm5Tz9Xw1Rv7Bn3Cy6Dp4Gs0JaEu\n")

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(main, ["--site", str(tmp_path), *arguments])

    assert run("migrate").exit_code == 0
    assert run("users", "create", "ann@example.org", "--role", "SUPER_ADMIN").exit_code == 0
    out = tmp_path / "ann.json"
    assert run("privacy", "export", "ann@example.org", "--out", str(out)).exit_code == 0
    assert out.stat().st_mode & 0o777 == 0o600
    assert json.loads(out.read_text())["emails"] == ["ann@example.org"]
    twice = run("privacy", "export", "ann@example.org", "--out", str(out))
    assert (twice.exit_code, "exists" in twice.stderr) == (1, True)
    refused = run("privacy", "erase", "ann@example.org", "--yes")
    assert (refused.exit_code, "last administrator" in refused.stderr) == (1, True)
    assert run("users", "create", "zoe@example.org", "--role", "SUPER_ADMIN").exit_code == 0
    dry = run("privacy", "erase", "ann@example.org", "--dry-run")
    assert (dry.exit_code, "accounts.users" in dry.stderr) == (0, True)
    unconfirmed = run("privacy", "erase", "ann@example.org")
    assert (unconfirmed.exit_code, "--yes" in unconfirmed.stderr) == (1, True)
    erased = run("privacy", "erase", "ann@example.org", "--yes", "--json")
    assert erased.exit_code == 0, erased.stderr
    found = {each["name"]: each["erased"] for each in json.loads(erased.stdout)}
    assert found["accounts.users"] == 1
    nothing = run("privacy", "erase", "ann@example.org")
    assert (nothing.exit_code, "Nothing is stored" in nothing.stderr) == (0, True)
    for _ in range(2):  # the audit log once had the address from the first look on
        for email in ("ann@example.org", "nobody@example.org"):
            export = run("privacy", "export", email)
            assert (export.exit_code, "Nothing is stored" in export.stderr) == (0, True)
            dry = run("privacy", "erase", email, "--dry-run")
            assert (dry.exit_code, "Nothing is stored" in dry.stderr) == (0, True)
    assert run("privacy", "erase", "ann").exit_code == 1
    assert run("privacy", "retention", "--dry-run", "--json").exit_code == 0
    listed = json.loads(run("privacy", "kinds", "--json").stdout)
    assert {"name", "label", "keeps", "retention_days"} == set(listed[0])
