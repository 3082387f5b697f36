"""The chain: what is recorded is sealed, and verifies until one byte of it is changed."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import msgspec
import peewee
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from changemaker_core import SYSTEM, Actor, Person, new_id
from changemaker_core.audit import CoreAuditEntry, CoreAuditPersonal, value_begins
from changemaker_core.audit.recording import LONGEST_VALUE
from changemaker_core.features.accounts.api import create_user, roles_of
from changemaker_core.features.accounts.roles.services import OPERATOR
from changemaker_core.features.accounts.users import management
from changemaker_core.features.audit import queries, sealing
from changemaker_core.features.audit.checks import check_chain
from changemaker_core.features.audit.exporting import as_csv, as_jsonl
from changemaker_core.features.audit.personal import VALUES
from changemaker_core.features.audit.reading import with_values_now
from changemaker_core.features.audit.verification import verify
from changemaker_core.features.settings.api import rotate_secrets
from changemaker_core.identity.actor import current_actor
from tests.audit import independent

LONG = Actor("peer", "https://" + "x" * 200, "Peer", frozenset())
ADA = Actor("user", new_id(), "Ada Zqxmarker", frozenset())


def record(site, *args, actor=ADA, **fields):
    """Record one entry."""
    token = current_actor.set(actor)
    try:
        site.db.sync.write(lambda tx: tx.audit(*args, **fields))
    finally:
        current_actor.reset(token)


def record_three(site):
    """Three entries: of an object, of a person, of a secret."""
    record(site, "parks.park.created", "p1", label="Elm “Park”", after={"trees": 3})
    record(
        site,
        "parks.visitor.changed",
        "v1",
        label="Zoé Zqxmarker",
        person="Zoe@Example.org",
        before={"email": "zoe@example.org", "seat": 1},
        after={"email": "zoe.zqxmarker@example.org", "seat": 1},
        personal=["email"],
    )
    keys = {"before": {"key": "a"}, "after": {"key": "b"}, "secret": ["key"]}
    record(site, "parks.park.changed", "p1", **keys)


def listed(site, **filters):
    """Entries as people see them, the oldest first."""
    query = queries.entries(**filters)
    return site.db.sync.read(lambda: with_values_now(query.all()))[::-1]


def test_an_entry_says_who_did_what_to_what(site):
    record_three(site)
    created, changed, secret = listed(site)
    assert (created.action, created.object_id, created.label) == (
        "parks.park.created",
        "p1",
        "Elm “Park”",
    )
    assert (created.actor.kind, created.actor.id, created.actor.name) == (
        "user",
        ADA.id,
        "Ada Zqxmarker",
    )
    assert [msgspec.structs.astuple(each) for each in created.changes] == [
        ("trees", None, 3, False)
    ]
    assert [msgspec.structs.astuple(each) for each in changed.changes] == [
        ("email", "zoe@example.org", "zoe.zqxmarker@example.org", False)
    ]
    assert [msgspec.structs.astuple(each) for each in secret.changes] == [("key", None, None, True)]
    stored = site.db.sync.all(queries.entries())
    assert "Zqxmarker" not in repr(stored)
    assert "example.org" not in repr(stored)


def test_what_changes_nothing_is_not_recorded_and_a_rollback_leaves_nothing(site, seal):
    same = {"when": datetime(2030, 1, 1, tzinfo=UTC), "roles": {"b", "a"}}
    record(site, "parks.park.changed", "p1", before=same, after={**same, "roles": ["a", "b"]})

    def fails(tx):
        tx.audit("parks.park.deleted", "p1")
        raise LookupError

    with pytest.raises(LookupError):
        site.db.sync.write(fails)
    record(site, "parks.park.opened", "p1")
    seal()
    (entry,) = listed(site)
    assert (entry.action, entry.position) == ("parks.park.opened", 1)
    assert verify(site).fits


def test_a_long_value_is_cut_and_still_compared_whole(site):
    before, after = "é" * 9_000, "é" * 8_999 + "e"
    record(site, "parks.park.changed", "p1", before={"text": before}, after={"text": after})
    (change,) = listed(site)[0].changes
    assert change.before["length"] == len(before) + 2
    assert len(change.before["cut"]) == LONGEST_VALUE
    assert change.before["sha256"] != change.after["sha256"]


@pytest.mark.parametrize(
    ("args", "fields", "problem"),
    [
        (("changed",), {}, "must have the form"),
        (("parks.Park.changed",), {}, "must have the form"),
        (("parks.park.changed", "x" * 201), {}, "at most 200"),
        (("parks.park.changed",), {"actor": LONG}, "actor has at most 200"),
        (("parks.park.changed",), {"after": {"email": "a"}, "personal": ["email"]}, "person="),
    ],
)
def test_a_mistake_of_an_author_is_named(site, args, fields, problem):
    with pytest.raises(ValueError, match=problem):
        record(site, *args, **fields)


def test_entries_are_append_only(site, seal):
    record_three(site)
    seal()
    change = CoreAuditEntry.update(action="parks.park.opened")
    for statement in (change, CoreAuditEntry.update(position=9), CoreAuditEntry.delete()):
        with pytest.raises(peewee.DatabaseError, match="append-only"):
            site.db.sync.write(lambda tx, statement=statement: statement.execute())
    assert verify(site).fits


def test_sealed_entries_verify_and_so_does_an_independent_program(site, seal):
    empty = verify(site)
    assert (empty.sealed, empty.head, empty.fits) == (0, None, True)
    record_three(site)
    report = verify(site)
    assert (report.sealed, report.open, report.fits) == (0, 3, True)
    seal()
    report = verify(site)
    assert (report.sealed, report.open, report.erased, report.fits) == (3, 0, 0, True)
    noted = report.head
    assert independent.verify(list(as_jsonl(site))) == noted
    record(site, "parks.park.opened", "p1")
    seal()
    assert verify(site, noted).fits
    assert verify(site).head != noted
    exported = b"".join(as_csv(site, {"action": "parks.visitor.changed"})).decode()
    assert exported.count("\n") == 2
    assert "Zoé Zqxmarker" in exported


CHANGED = {
    "core_audit_entry": {
        "id": "0198f2aa-0000-7000-8000-000000000000",
        "at": datetime(2020, 1, 1, tzinfo=UTC),
        "action": "parks.park.closed",
        "object_id": "p2",
        "actor_kind": "key",
        "actor_id": "x",
        "request_id": "x",
        "details": '{"label":"Oak"}',
        "position": 7,
        "hash": "0" * 64,
    },
    "core_audit_personal": {
        "commitment": "0" * 64,
        "entry": "0198f2aa-0000-7000-8000-000000000000",
        "at": datetime(2020, 1, 1, tzinfo=UTC),
        "person": "other@example.org",
        "salt": "0" * 32,
        "value": '"Oak"',
    },
    "core_audit_head": {"position": 2, "hash": "0" * 64, "signature": "AAAA"},
}
COLUMNS = [(table, column) for table, columns in CHANGED.items() for column in columns]


def test_a_changed_value_of_any_column_is_found(site, seal, intrude):
    record_three(site)
    seal()
    for table, column in COLUMNS:
        value = CHANGED[table][column]
        if isinstance(value, datetime) and site.db.dialect == "sqlite":
            value = value.isoformat()
        where = {
            "core_audit_entry": "position = 2",
            "core_audit_personal": "value = '\"zoe.zqxmarker@example.org\"'",
            "core_audit_head": "name = 'chain'",
        }[table]
        before = site.db.sync.read(_snapshot)
        intrude(f"UPDATE {table} SET {column} = ? WHERE {where}", value)  # noqa: S608
        report = verify(site)
        assert report.problem is not None, (table, column)
        if table == "core_audit_entry":
            assert report.problem.position == 2, (column, report.problem)
        site.db.sync.write(_restore, before)
        assert verify(site).fits, (table, column)


def _snapshot():
    found = {}
    for table in CHANGED:
        cursor = peewee.SQL(f"SELECT * FROM {table}")  # noqa: S608
        rows = CoreAuditEntry._meta.database.execute(cursor)
        found[table] = ([column[0] for column in rows.description], rows.fetchall())
    return found


def _restore(tx, found):
    for table, (columns, rows) in found.items():
        tx.database.execute_sql(f"DELETE FROM {table}")  # noqa: S608
        mark = "?" if tx.dialect == "sqlite" else "%s"
        marks = ", ".join([mark] * len(columns))
        for row in rows:
            sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
            tx.database.execute_sql(sql, row)
    tx.wrote(*found)


@pytest.mark.parametrize(
    ("statements", "position"),
    [
        (["DELETE FROM core_audit_entry WHERE position = 1"], 1),
        (
            [
                "DELETE FROM core_audit_entry WHERE position = 2",
                "UPDATE core_audit_entry SET position = 2 WHERE position = 3",
            ],
            2,
        ),
        (
            [
                "UPDATE core_audit_entry SET position = 9 WHERE position = 1",
                "UPDATE core_audit_entry SET position = 1 WHERE position = 2",
                "UPDATE core_audit_entry SET position = 2 WHERE position = 9",
            ],
            1,
        ),
        (["DELETE FROM core_audit_entry WHERE position = 3"], 3),
        (["DELETE FROM core_audit_head"], 3),
        (
            ["UPDATE core_audit_entry SET position = position + 1 WHERE position = 3"],
            3,
        ),
    ],
)
def test_a_removed_inserted_or_moved_entry_is_found(site, seal, intrude, statements, position):
    record_three(site)
    seal()
    for statement in statements:
        intrude(statement)
    assert verify(site).problem.position == position


def test_a_chain_that_an_intruder_computes_anew_has_no_signature(site, seal, intrude):
    record_three(site)
    seal()
    noted = verify(site).head
    # As the intruder knows how hashes are computed, only the signature and a noted head tell.
    intrude("UPDATE core_audit_entry SET action = 'parks.park.opened' WHERE position = 3")
    forged = site.db.sync.all(queries.sealed_after(position=2, limit=1))[0]
    previous = site.db.sync.all(queries.sealed_after(position=1, limit=1))[0].hash
    hash = sealing.hash_of(forged, 3, previous)
    intrude("UPDATE core_audit_entry SET hash = ? WHERE position = 3", hash)
    assert "another one" in verify(site).problem.detail
    intrude("UPDATE core_audit_head SET hash = ?", hash)
    assert "signed end" in verify(site).problem.detail
    with pytest.raises(sealing.BrokenHead):
        site.db.sync.write(sealing.seal, site)
    assert [finding.status for finding in check_chain(site)] == ["error"]
    # And who puts all of it back as it was a while ago is found by who has noted the head.
    intrude("DELETE FROM core_audit_personal WHERE entry = ?", forged.id)
    intrude("DELETE FROM core_audit_entry WHERE position = 3")
    intrude("DELETE FROM core_audit_head")
    intrude("UPDATE core_audit_entry SET position = NULL, hash = NULL")
    site.db.sync.write(sealing.seal, site)
    assert verify(site).fits
    assert "noted" in verify(site, noted).problem.detail


@pytest.mark.database("sqlite")  # PostgreSQL refuses a text that is no time
def test_what_cannot_even_be_read_is_named(site, seal, intrude):
    record_three(site)
    seal()
    intrude("UPDATE core_audit_entry SET at = 'x' || substr(at, 2) WHERE position = 2")
    problem = verify(site).problem
    assert problem.position == 2
    assert "cannot be read" in problem.detail


def test_a_person_is_erased_and_the_chain_holds(site, seal):
    record_three(site)
    seal()
    zoe, ada = Person(("zoe@example.org",)), Person((), (ADA.id,))
    (mine,) = held(site, zoe)
    assert (mine["object_id"], mine["label"]) == ("v1", "Zoé Zqxmarker")
    assert mine["actor"]["name"] is None  # that of another person
    assert [entry["actor"]["name"] for entry in held(site, ada)] == ["Ada Zqxmarker"] * 3
    assert erased(site, zoe, ada) == 6
    assert not held(site, zoe) + held(site, ada)
    record(site, "parks.park.opened", "p1", actor=SYSTEM)
    seal()
    report = verify(site)
    assert (report.sealed, report.erased, report.problem) == (4, 6, None)
    independent.verify(list(as_jsonl(site)))
    everything = repr(site.db.sync.read(_snapshot))
    assert "zqxmarker" not in everything.lower()
    changed = listed(site)[1]
    assert changed.erased == ["email.before", "email.after", "label", "actor"]
    assert (changed.label, changed.actor.name, changed.actor.id) == (None, None, ADA.id)


def test_an_account_that_is_deleted_is_found_by_its_address(site):
    ids = [
        create_user(site, email=f"{name}@example.org", name=name, role="USER")[0]
        for name in ("gone", "here")
    ]
    roles = roles_of(site)
    site.db.sync.write(management.delete, roles, OPERATOR, ids[0])
    gone, here = Person(("gone@example.org",)), Person(("here@example.org",), (ids[1],))
    assert {entry["object_id"] for entry in held(site, gone)} == {ids[0]}
    assert erased(site, gone) > 3
    assert not held(site, gone)
    # Who has had this address before, and has another one now, is somebody else.
    former = {"before": {"email": "gone@example.org"}, "after": {"email": "here@example.org"}}
    record(site, "accounts.user.changed", ids[1], person=ids[1], personal=["email"], **former)
    assert not held(site, gone)
    assert held(site, here)


def held(site, person):
    return site.db.sync.read(lambda: list(VALUES.export(person)))


def erased(site, *persons):
    return sum(
        count
        for person in persons
        for count in iter(lambda: site.db.sync.write(VALUES.erase, person), 0)  # noqa: B023
    )


def test_of_an_account_that_is_gone_others_see_their_address_and_no_more(site, monkeypatch):
    values = {"name": "Zqxmarker", "role": "USER"}
    id, _ = create_user(site, email="mistyped@example.org", **values)
    former = {"before": {"email": "mistyped@example.org"}, "after": {"email": "z@example.org"}}
    record(site, "accounts.user.changed", id, person=id, personal=["email"], **former)
    site.db.sync.write(management.delete, roles_of(site), OPERATOR, id)
    monkeypatch.setattr("changemaker_core.features.privacy.declarations.BATCH", 1)
    owner = Person(("mistyped@example.org",))
    entries = held(site, owner)
    assert entries
    assert "zqxmarker" not in repr(entries).lower()
    assert "z@example.org" not in repr(entries)
    # All of it goes, in whichever order the database finds the rows.
    assert erased(site, owner) > len(entries)
    left = site.db.sync.read(lambda: [row.person for row in CoreAuditPersonal.select()])
    assert id not in left


@pytest.mark.database("sqlite")
def test_values_are_found_by_an_index(site):
    def plan(tx):
        sql, args = CoreAuditPersonal.select().where(value_begins.in_(["a"])).sql()
        return tx.database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", args).fetchall()

    assert "core_audit_personal_value" in repr(site.db.sync.write(plan))


UNREADABLE = (
    '{"changes":[1]}',
    '{"changes":{"name":1}}',
    '["label"]',
    '{"label":' + "[" * 100_000,
    '{"label":' + "[" * 5_000 + "]" * 5_000 + "}",
    '{"changes":{"name":{"before":' + "[" * 900 + "]" * 900 + "}}}",
    '{"label":"\\ud800"}',
    '{"changes":{"n":{"before":' + "9" * 4_000 + "}}}",
    '{"changes":{"n":{"before":' + "9" * 5_000 + "}}}",
    '{"label":{"personal":["x"]},"actor":{},"client":1}',
)


def test_an_entry_that_nobody_can_read_hides_no_other(site, seal):
    record_three(site)
    names = ("action", "object_id", "actor_kind", "actor_id", "request_id")
    values = {**dict.fromkeys(names, ""), "at": datetime(2030, 1, 1, tzinfo=UTC)}
    for details in UNREADABLE:
        row = CoreAuditEntry.insert(**values, id=new_id(), details=details)
        site.db.sync.write(lambda tx, row=row: row.execute())
    seal()
    for entry in listed(site)[3:]:
        msgspec.json.encode(entry)
    assert b"".join(as_csv(site, {})).count(b"\r\n") == 4 + len(UNREADABLE)
    problem = verify(site).problem
    assert (problem.position, problem.detail) == (7, "its details cannot be read.")


def test_a_value_that_nobody_can_read_hides_no_other(site, intrude):
    record_three(site)
    intrude("UPDATE core_audit_personal SET value = ?", "[" * 100_000)
    entries = listed(site)
    assert len(entries) == 3
    assert b"(unreadable)" in msgspec.json.encode(entries)


def test_values_are_erased_after_their_time(make_site):
    now = datetime(2030, 1, 1, tzinfo=UTC)
    site = make_site(clock=lambda: now)
    record_three(site)
    for before, count in ((now, 0), (now + timedelta(seconds=1), 6)):
        assert site.db.sync.read(VALUES.retention.count, before) == count
        assert site.db.sync.write(VALUES.retention.expire, before) == count


def test_a_new_secret_key_breaks_nothing(make_site, make_config):
    old, new = "a" * 40, "b" * 40
    site = make_site(secret_key=old)
    record_three(site)
    site.db.sync.write(sealing.seal, site)
    both = make_site(secret_key=new, previous_secret_keys=(old,))
    assert verify(both).fits
    alone = make_site(secret_key=new)
    assert "previous_secret_keys" in verify(alone).problem.detail
    assert both.db.sync.write(rotate_secrets, both) == 1
    assert verify(alone).fits


def test_two_that_seal_at_once_make_one_chain(make_site):
    sites = [make_site(), make_site()]
    for number in range(60):
        record(sites[number % 2], "parks.park.opened", str(number))

    def seal(site):
        return site.db.sync.write(sealing.seal, site)

    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(seal, sites * 4))
    assert sum(counts) == 60
    assert verify(sites[0]).sealed == 60


def test_doctor_says_that_nobody_seals(make_site):
    now = [datetime(2030, 1, 1, tzinfo=UTC)]
    site = make_site(clock=lambda: now[0])
    record(site, "parks.park.opened", actor=SYSTEM)
    assert [finding.status for finding in check_chain(site)] == ["ok"]
    now[0] += timedelta(hours=1)
    assert [finding.status for finding in check_chain(site)] == ["warning"]
    site.db.sync.write(sealing.seal, site)
    assert [finding.status for finding in check_chain(site)] == ["ok"]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text() | st.floats(-1e9, 1e9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.database("sqlite")
def test_whatever_is_recorded_verifies_and_is_read_as_it_was(site, seal):
    @settings(max_examples=25, deadline=None)
    @given(st.text(max_size=20), ANYTHING, ANYTHING)
    def check(label, before, after):
        record(
            site,
            "parks.park.changed",
            "p1",
            label=label,
            person="p",
            before={"a": before, "b": after},
            after={"a": after},
            personal=["a"],
        )
        entry = listed(site)[-1]
        assert entry.label == (_readable(label) or None)
        if before != after or type(before) is not type(after):
            change = next(c for c in entry.changes if c.field == "a")
            assert (change.before, change.after) == (_readable(before), _readable(after))

    check()
    seal()
    assert verify(site).fits
    independent.verify(list(as_jsonl(site)))


def _readable(value):
    """What a database can hold of a value: no half characters."""
    return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


@pytest.mark.database("sqlite")
def test_ten_thousand_entries_verify(site):
    def many(tx):
        for number in range(10_000):
            tx.audit("parks.park.opened", str(number % 50), after={"n": number})

    site.db.sync.write(many)
    while site.db.sync.write(sealing.seal, site):
        pass
    assert verify(site).sealed == 10_000
