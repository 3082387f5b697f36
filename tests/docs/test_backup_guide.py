"""docs/guides/backup.md: its command copies the whole of a database that is being written."""

from __future__ import annotations

import contextlib
import re
import shlex
import sqlite3
import subprocess
import tarfile
from pathlib import Path

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "backup.md").read_text()
COUNT = "SELECT count(*) FROM letter"


def test_what_is_in_the_log_is_in_the_backup_too(tmp_path):
    site, backup = tmp_path / "site.db", tmp_path / "backup.db"
    (line,) = re.findall(r"^python3 .*$", GUIDE, re.MULTILINE)
    *program, source, target = shlex.split(line)
    assert (source, target) == ("/srv/site/site.db", "/srv/backups/site.db.new")
    with contextlib.closing(sqlite3.connect(site, isolation_level=None)) as written:
        written.execute("PRAGMA journal_mode = WAL")
        written.execute("PRAGMA wal_autocheckpoint = 0")
        written.execute("CREATE TABLE letter (body TEXT)")
        written.executemany("INSERT INTO letter VALUES (?)", [("Please act.",)] * 1000)
        (tmp_path / "copy.db").write_bytes(site.read_bytes())
        written.execute("BEGIN IMMEDIATE")
        written.execute("INSERT INTO letter VALUES ('not committed')")
        subprocess.run([*program, site, backup], check=True, timeout=60)
    with contextlib.closing(sqlite3.connect(backup)) as made:
        assert made.execute(COUNT).fetchone() == (1000,)
        assert made.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with contextlib.closing(sqlite3.connect(tmp_path / "copy.db")) as copied:
        assert copied.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


def test_the_files_are_all_of_the_folder_but_the_database_and_the_state_of_the_machine(tmp_path):
    site, archive = tmp_path / "site", tmp_path / "files.tar.gz"
    kept = ["changemaker.toml", ".env", "people.csv", "data/mail/1.eml", "templates/base.html"]
    left_out = ["site.db", "site.db-wal", "site.db.lock", "run/instance"]
    for name in (*kept, *left_out):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(name)
    commands = set(re.findall(r"^tar --create .*$", GUIDE, re.MULTILINE))
    (command,) = commands
    words = shlex.split(command)
    places = {"/srv/backups/files.tar.gz": str(archive), "/srv/site": str(site)}
    subprocess.run([places.get(word, word) for word in words], check=True, timeout=60)
    with tarfile.open(archive) as opened:
        files = {each.name.removeprefix("./") for each in opened.getmembers() if each.isfile()}
    assert files == set(kept)
