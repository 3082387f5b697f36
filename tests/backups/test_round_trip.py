"""A site is backed up while it is written to, restored to an empty place, and drilled."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import tarfile
import threading
import time
from typing import TYPE_CHECKING, Any

import peewee
import psycopg2
import pytest

from changemaker_core import Config, Model, Site
from changemaker_core.backups.code import opened_site
from changemaker_core.backups.databases import postgresql, sqlite
from changemaker_core.backups.drilling import drill
from changemaker_core.backups.errors import BackupError
from changemaker_core.backups.manifest import MANIFEST
from changemaker_core.backups.restoring import restore
from changemaker_core.backups.writing import ArchiveWriter
from changemaker_core.features.audit.sealing import seal
from changemaker_core.features.audit.verification import verify
from changemaker_core.jobs import holds
from tests.backups.kept import SECRET, Kept, no_progress

if TYPE_CHECKING:
    from changemaker_core.testing import PostgresCluster


class Campaign(Model):
    number = peewee.BigIntegerField(primary_key=True)

    class Meta:
        table_name = "kept_campaign"


class Letter(Model):
    number = peewee.BigIntegerField(primary_key=True)
    campaign = peewee.ForeignKeyField(Campaign)

    class Meta:
        table_name = "kept_letter"


@pytest.fixture
def empty_url(database_url: str, request: pytest.FixtureRequest) -> Any:
    """The address of another empty database; None for SQLite, where it is a file of the folder."""
    if database_url.startswith("sqlite"):
        yield None
        return
    cluster: PostgresCluster = request.getfixturevalue("postgres_cluster")
    url = cluster.create_database()
    yield url
    cluster.drop(url)


def _write_on(site: Site, done: list[int], stop: threading.Event) -> None:
    """Write a campaign and its letter, 50 times a second; note what was acknowledged."""

    def write(tx: Any, number: int) -> None:
        Campaign.create(number=number)
        Letter.create(number=number, campaign=number)

    number = 0
    while not stop.wait(0.02):
        number += 1
        site.db.sync.write(write, number)
        done.append(number)


def test_no_committed_row_is_lost_while_the_site_writes(kept, empty_url, tmp_path):
    kept.site.db.sync.write(lambda tx: tx.database.create_tables([Campaign, Letter]))
    acknowledged, stop = list[int](), threading.Event()
    writer = threading.Thread(target=_write_on, args=(kept.site, acknowledged, stop))
    writer.start()
    try:
        while len(acknowledged) < 10:
            time.sleep(0.01)
        before = acknowledged[-1]
        made = kept.back_up()
        during = acknowledged[-1]
        while acknowledged[-1] < during + 5:  # it did not stop because of the backup
            time.sleep(0.01)
    finally:
        stop.set()
        writer.join()
    restored = restore(made.path, tmp_path / "restored", empty_url, no_progress)
    with contextlib.closing(Site(restored.config)) as site:
        letters = site.db.sync.read(lambda: [row.campaign_id for row in Letter.select()])
        campaigns = site.db.sync.read(lambda: [row.number for row in Campaign.select()])
    assert set(letters) <= set(campaigns)
    assert sorted(letters) == list(range(1, len(letters) + 1))  # one moment: none in between lacks
    assert len(letters) >= before
    assert made.manifest.database.rows["kept_letter"] == len(letters)


def test_a_restored_site_is_the_whole_site_with_its_mail_held(kept, empty_url, tmp_path):
    outside = tmp_path / "elsewhere.csv"
    outside.write_text("a file that the configuration names")
    with (kept.folder / "changemaker.toml").open("a") as file:
        file.write(f'[relay]\nfile = "{outside}"\n')
    big = tmp_path / "a disk of its own"
    big.mkdir()
    (big / "photo.jpg").write_bytes(b"\xff\xd8" * 50_000)
    (kept.folder / "data" / "media").symlink_to(big)
    (kept.folder / "data" / "nowhere").symlink_to(tmp_path / "missing")
    (kept.folder / "data" / "again").symlink_to(kept.folder / "data")
    (kept.folder / "run").mkdir(exist_ok=True)
    (kept.folder / "run" / "state").write_text("of this machine")
    venv = kept.folder / "venv"
    venv.mkdir()
    (venv / "pyvenv.cfg").touch()
    (kept.folder / "templates").mkdir(mode=0o755)
    (kept.folder / "templates" / "é.html").write_text("<p>")
    os.mkfifo(kept.folder / "data" / "pipe")
    kept.site.db.sync.write(lambda tx: tx.audit("kept.site.made", after={"by": "é"}))
    kept.site.db.sync.write(seal, kept.site)

    made = kept.back_up()
    assert {path.name for path in made.left_out} == {"nowhere", "again", "pipe"}
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600

    folder = tmp_path / "restored"
    restored = restore(made.path, folder, empty_url, no_progress)
    names = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    names = {name for name in names if not name.startswith(("site.db", "elsewhere"))}
    assert names == {
        "changemaker.toml",
        ".env",
        "data/mail/1.eml",
        "data/media/photo.jpg",
        "templates/é.html",
    }
    assert (folder / "data/media/photo.jpg").read_bytes() == (big / "photo.jpg").read_bytes()
    assert restored.elsewhere[str(outside)].read_text() == outside.read_text()
    assert restored.migrated == []
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "templates").stat().st_mode) == 0o755
    assert restored.config.secret_key == SECRET
    assert restored.config.database_url != kept.site.config.database_url  # never that of the other
    again = Config.load(folder, {"CHANGEMAKER_PLUGINS__ALLOW": "[]"})
    assert again.database_url == restored.config.database_url
    with opened_site(restored.config) as (site, _):
        held = {hold.queue: hold.reason for hold in site.db.sync.all(holds())}
        audited = verify(site)
    assert list(held) == restored.held
    assert held["mail"] == held["webhooks"] == "restore"
    assert (audited.fits, audited.sealed) == (True, 1)
    assert audited.open >= 1  # that the queue is held


@pytest.mark.database("sqlite")
def test_a_site_that_was_restored_is_backed_up_and_restored_again(kept, tmp_path):
    outside = tmp_path / "elsewhere.csv"
    outside.write_text("former")
    with (kept.folder / "changemaker.toml").open("a") as file:
        file.write(f'[relay]\nfile = "{outside}"\n')
    first = restore(kept.back_up().path, tmp_path / "first", None, no_progress)
    notes = first.elsewhere[str(outside)].with_name("notes.txt")
    notes.write_text("of the site")
    outside.write_text("newer")
    made = Kept(tmp_path / "first", tmp_path / "others", kept.site).back_up()
    again = restore(made.path, tmp_path / "again", None, no_progress)
    assert again.elsewhere[str(outside)].read_text() == "newer"
    assert again.elsewhere[str(outside)].with_name("notes.txt").read_text() == "of the site"


@pytest.mark.database("sqlite")
@pytest.mark.parametrize("target", ["data", "data/b.tar.gz", "link/b.tar.gz"])
def test_no_file_is_missing_because_backups_are_beside_it(kept, tmp_path, target):
    (tmp_path / "disk" / "data").mkdir(parents=True)
    (kept.folder / "data" / "mail" / "1.eml").unlink()
    (kept.folder / "data" / "mail").rmdir()
    (kept.folder / "data").rmdir()
    (kept.folder / "data").symlink_to(tmp_path / "disk" / "data")
    (kept.folder / "link").symlink_to(kept.folder / "data")
    (kept.folder / "data" / "photo.jpg").touch()
    with pytest.raises(BackupError, match=r"contains photo\.jpg\. A backup leaves out the folder"):
        kept.back_up(kept.folder / target)
    names = {path.name for path in (tmp_path / "disk" / "data").iterdir()}
    assert names == {"photo.jpg"}


@pytest.mark.database("sqlite")
def test_backups_are_in_none_where_their_folder_is_in_the_site(kept, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "old.tar.gz.gpg").touch()
    (kept.folder / "data" / "backups").symlink_to(tmp_path / "disk")
    for _ in range(2):
        made = kept.back_up(tmp_path / "disk", keep=2)
    with tarfile.open(made.path) as archive:
        names = archive.getnames()
    assert "site/data/mail/1.eml" in names
    assert not [name for name in names if "backups" in name]


@pytest.mark.database("sqlite")
def test_what_is_no_part_of_a_site_is_left_out(kept, tmp_path, monkeypatch):
    """Neither the database, whatever its path, nor what a file system keeps for itself."""
    toml = kept.folder / "changemaker.toml"
    toml.write_text(toml.read_text().replace("///site.db", "///data/../data/mail/../../site.db"))
    (kept.folder / "data" / "lost+found").mkdir(mode=0o000)
    listdir = os.listdir

    def as_for_others(path: Any) -> list[str]:
        if str(path).endswith("lost+found"):
            raise PermissionError(13, "Permission denied", str(path))
        return listdir(path)

    monkeypatch.setattr("os.listdir", as_for_others)
    with tarfile.open(kept.back_up().path) as archive:
        names = archive.getnames()
    assert "site/data/mail/1.eml" in names
    assert not [name for name in names if "site.db" in name or "lost+found" in name]


@pytest.mark.database("sqlite")
def test_rows_that_refer_to_none_are_restored_and_reported(kept, tmp_path):
    kept.site.db.sync.write(lambda tx: tx.database.create_tables([Campaign, Letter]))
    with contextlib.closing(sqlite3.connect(kept.folder / "site.db")) as by_hand:
        by_hand.execute("INSERT INTO kept_letter (number, campaign_id) VALUES (1, 999)")
        by_hand.commit()
    made = kept.back_up()
    orphan = "row 1 of kept_letter refers to no row of kept_campaign"
    restored = restore(made.path, tmp_path / "restored", None, no_progress)
    assert restored.orphans == [orphan]
    done = drill(made.path, None, no_progress)
    found = {name: finding for name, finding in done.findings}
    assert (found["references"].status, found["references"].detail) == ("warning", f"{orphan}.")
    assert done.is_sound


def test_a_drill_proves_a_backup_and_leaves_nothing(kept, request, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    made = kept.back_up()
    is_postgresql = kept.site.db.dialect == "postgresql"
    if is_postgresql:
        cluster = request.getfixturevalue("postgres_cluster")
        before = _databases(cluster)
        # What a drill that was killed has left.
        with postgresql.opened(kept.site.config.database_url) as connection:
            with postgresql.scratch_database(kept.site.config.database_url) as url:
                name = url.partition("///")[2].partition("?")[0]
            connection.cursor().execute(f"CREATE DATABASE {name}")
    done = drill(made.path, None, no_progress)
    assert done.is_sound
    assert done.rows == sum(made.manifest.database.rows.values()) > 0
    assert {name for name, _ in done.findings} >= {"database", "migrations", "settings.stored"}
    assert not list(tmp_path.glob("changemaker-drill-*"))
    if is_postgresql:
        assert _databases(cluster) == before


@pytest.fixture
def as_owner(postgres_cluster: PostgresCluster) -> Any:
    """Addresses of two empty databases, whose owner is no superuser."""
    server = f"postgresql://postgres@127.0.0.1:{postgres_cluster.port}/postgres"
    _execute(server, "CREATE ROLE keeper LOGIN")
    urls = [postgres_cluster.create_database("OWNER keeper") for _ in range(2)]
    yield [url.replace("//postgres@", "//keeper@") for url in urls]
    for url in urls:
        postgres_cluster.drop(url)
    _execute(server, "DROP ROLE keeper")


def _execute(url: str, *statements: str) -> None:
    with postgresql.opened(url) as connection:
        for each in statements:
            connection.cursor().execute(each)


@pytest.mark.database("postgresql")
def test_what_is_of_the_server_stops_neither_a_backup_nor_its_restore(as_owner, tmp_path):
    """(!) A site's role may create few extensions, and nothing of what watches or copies it."""
    own, empty = as_owner
    superuser = own.replace("//keeper@", "//postgres@")
    _execute(
        superuser,
        "CREATE EXTENSION pg_stat_statements",
        "CREATE EXTENSION pg_trgm",
        "CREATE EXTENSION postgres_fdw",
        "COMMENT ON EXTENSION pg_stat_statements IS 'what is slow'",
        "CREATE PUBLICATION copied FOR ALL TABLES",
        "COMMENT ON PUBLICATION copied IS 'to the warehouse'",
        "CREATE FUNCTION noted() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "CREATE EVENT TRIGGER noted ON ddl_command_end EXECUTE FUNCTION noted()",
        "CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw",
        "CREATE USER MAPPING FOR keeper SERVER other OPTIONS (user 'x', password 'x')",
        "CREATE FOREIGN TABLE far (x int) SERVER other",
        "GRANT SELECT ON far TO keeper",
        'CREATE SCHEMA "Watch ""er"" *"',
        'CREATE TABLE "Watch ""er"" *".stats (x int)',
        "COMMENT ON SCHEMA public IS 'ours'",
    )
    _execute(
        own,
        "CREATE TABLE place (name text)",
        "CREATE INDEX place_name ON place USING gin (name gin_trgm_ops)",
        "INSERT INTO place VALUES ('Square')",
        "CREATE SCHEMA mine",
        "CREATE TABLE mine.notes AS SELECT 1 AS x",
    )
    dump = tmp_path / "dump"
    facts = postgresql.copy_postgresql(own, dump, lambda _: None)
    postgresql.load_postgresql(empty, dump)
    assert postgresql.check_postgresql(empty).rows == facts.rows == {"place": 1}
    _execute(empty, "SELECT x FROM mine.notes")
    _execute(superuser, "CREATE TABLE stats (x int)")
    with pytest.raises(BackupError, match=r'may not read "public"\."stats" .*\n.*GRANT SELECT'):
        postgresql.copy_postgresql(own, tmp_path / "second", lambda _: None)
    assert not (tmp_path / "second").exists()


@pytest.mark.database("postgresql")
def test_an_extension_that_a_site_needs_is_named(as_owner, tmp_path):
    own, empty = as_owner
    superuser = own.replace("//keeper@", "//postgres@")
    _execute(superuser, "CREATE EXTENSION earthdistance CASCADE")
    _execute(superuser, "CREATE EXTENSION pageinspect", "CREATE EXTENSION xml2")
    _execute(own, "CREATE VIEW far AS SELECT xml_valid('<a/>')")
    dump = tmp_path / "dump"
    postgresql.copy_postgresql(own, dump, lambda _: None)
    with pytest.raises(BackupError, match=r"could not create the extensions .*xml2"):
        postgresql.load_postgresql(empty, dump)
    _execute(empty.replace("//keeper@", "//postgres@"), "CREATE EXTENSION xml2")
    postgresql.load_postgresql(empty, dump)
    _execute(empty, "SELECT * FROM far")


def _databases(cluster: PostgresCluster) -> set[str]:
    url = f"postgresql://postgres@127.0.0.1:{cluster.port}/postgres"
    with contextlib.closing(psycopg2.connect(url)) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT datname FROM pg_database")
        return {name for (name,) in cursor.fetchall()}


def test_a_database_in_which_something_is_is_never_replaced(kept, tmp_path):
    made = kept.back_up()
    folder = tmp_path / "restored"
    url = kept.site.config.database_url
    with pytest.raises(BackupError, match=r"already exists|is not empty"):
        restore(made.path, folder, url, no_progress)
    assert list(folder.iterdir()) == []
    with pytest.raises(BackupError, match="is not empty: it contains"):
        restore(made.path, kept.folder, None, no_progress)
    other = "postgresql://localhost/x" if url.startswith("sqlite") else "sqlite:///site.db"
    with pytest.raises(BackupError, match="move-database"):
        restore(made.path, folder, other, no_progress)


@pytest.mark.database("sqlite")
@pytest.mark.parametrize("away", ["/{tmp}/out.db", "../out.db"])
def test_a_backup_does_not_choose_a_place_outside_of_the_folder(kept, tmp_path, away):
    made = kept.back_up()
    toml = kept.folder / "changemaker.toml"
    own = toml.read_text().replace("site.db", away.format(tmp=str(tmp_path).lstrip("/")))
    with tarfile.open(made.path) as archive:
        archive.extractall(tmp_path / "changed", filter="data")
    (tmp_path / "changed" / "site" / "changemaker.toml").write_text(own)
    changed = tmp_path / "changed.tar"
    with (
        changed.open("wb") as file,
        ArchiveWriter(file, compressed=False, on_bytes=lambda _: None) as written,
    ):
        for name in (MANIFEST, "database/site.sqlite", "site/changemaker.toml", "site/.env"):
            written.add_file(name, tmp_path / "changed" / name)
    with pytest.raises(BackupError, match="belongs outside of the folder"):
        restore(changed, tmp_path / "restored", None, no_progress)
    assert not list(tmp_path.rglob("out.db*"))
    named = f"sqlite:///{tmp_path / 'named.db'}"
    assert restore(changed, tmp_path / "restored", named, no_progress).held
    assert (tmp_path / "named.db").is_file()


@pytest.mark.database("sqlite")
def test_a_damaged_database_is_no_backup_and_removes_none(kept):
    kept.back_up()
    kept.site.close()
    with contextlib.closing(sqlite3.connect(kept.folder / "site.db")) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'core_migrations'"
        ).fetchone()
    with (kept.folder / "site.db").open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    before = sorted(kept.backups.iterdir())
    with pytest.raises(BackupError, match=r"damaged|cannot be copied"):
        kept.back_up(keep=1)
    assert sorted(kept.backups.iterdir()) == before


@pytest.mark.database("sqlite")
def test_a_backup_with_a_newer_schema_or_a_missing_plugin_is_refused(kept, tmp_path):
    insert = "INSERT INTO core_migrations (name, applied) VALUES ('0999_later', '2026-01-01')"
    kept.site.db.sync.write(lambda tx: tx.database.execute_sql(insert))
    made = kept.back_up()
    with pytest.raises(BackupError, match=r"ahead of the installed code: core 0999_later"):
        restore(made.path, tmp_path / "restored", None, no_progress)


@pytest.mark.database("sqlite")
def test_a_write_does_not_have_the_copy_begin_again(kept, tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "_PAGES", 1)
    kept.site.db.sync.write(lambda tx: tx.database.create_tables([Campaign]))
    steps = 0

    def write(done: int, total: int) -> None:
        nonlocal steps
        steps += 1
        assert steps <= total, "it began again"
        kept.site.db.sync.write(lambda tx: Campaign.create(number=steps))

    path = kept.folder / "site.db"
    facts = sqlite.copy_sqlite(path, tmp_path / "copy.db", write)
    assert steps > 50
    assert facts.rows["kept_campaign"] == 0
    assert kept.site.db.sync.read(lambda: Campaign.select().count()) == steps
