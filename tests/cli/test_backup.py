"""``backup``, ``restore`` and ``restore-drill`` as an operator types them."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import resource
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_backup_restore_and_drill(changemaker: Any, site: Any, tmp_path: Any) -> None:
    backups = tmp_path / "backups"
    made = changemaker("backup", backups, "--keep", 1, "--json")
    assert made.exit_code == 0, made.stderr
    assert made.stderr.splitlines() == ["Copying the database.", "Writing the archive."]
    first = json.loads(made.stdout)
    assert [str(path) for path in backups.iterdir()] == [first["path"]]
    second = json.loads(changemaker("backup", backups, "--keep", 1, "--json").stdout)
    assert second["removed"] == [first["path"]]
    assert [str(path) for path in backups.iterdir()] == [second["path"]]

    drilled = changemaker("restore-drill", backups, "--newest")
    assert drilled.exit_code == 0, drilled.stderr
    assert "ok       migrations: The database matches the installed code." in drilled.stdout
    assert f"can be restored: {second['rows']} rows of" in drilled.stdout

    folder = tmp_path / "restored"
    restored = changemaker("restore", second["path"], folder)
    assert restored.exit_code == 0, restored.stderr
    assert f"--site {folder} queues release mail" in restored.stdout
    again = changemaker("restore", second["path"], folder)
    assert again.exit_code == 1
    assert "is not empty: it contains .env" in again.stderr

    with (site.folder / "changemaker.toml").open("a") as toml:
        toml.write(
            'cache_bytes = "much"\n[petitions]\ndays = 3\n'
        )  # a backup comes before a repair
    made = changemaker("backup", backups / "before-repair.tar")
    assert made.exit_code == 0, made.stderr
    assert "backed up as it is: changemaker.toml:" in made.stderr

    damaged = backups / "damaged.tar"
    damaged.write_bytes(os.urandom(4096))
    refused = changemaker("restore-drill", damaged)
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)


def test_a_backup_that_cannot_be_finished_leaves_nothing(
    changemaker: Any, site: Any, tmp_path: Any
) -> None:
    backups = tmp_path / "backups"
    (site.folder / "data").mkdir(exist_ok=True)
    (site.folder / "data" / "film").write_bytes(os.urandom(2_000_000))
    with _files_of_at_most(1_000_000):
        full = changemaker("backup", backups)
    assert full.exit_code == 1
    assert "There is no space left for" in full.stderr
    assert list(backups.iterdir()) == []
    with (site.folder / "run" / "backup.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = changemaker("backup", backups)
    assert (second.exit_code, "Another backup of this site" in second.stderr) == (1, True)
    assert list(backups.iterdir()) == []
    for wrong in (("-", "--keep", 3), (tmp_path / "x.tar.gz", "--keep", 3), ("-", "--json")):
        assert changemaker("backup", *wrong).exit_code == 2
    assert "Choose another folder" in changemaker("backup", site.folder).stderr


def test_a_backup_that_is_killed_leaves_no_archive(
    cli: Any, changemaker: Any, site: Any, wait_for: Any, tmp_path: Any
) -> None:
    backups, film = tmp_path / "backups", site.folder / "data" / "film"
    film.parent.mkdir(exist_ok=True)
    film.touch()
    os.truncate(film, 2**33)  # takes no space, and some ten seconds
    server = cli.start("--site", site.folder, "backup", backups)
    wait_for(lambda: "Writing the archive." in server.printed())
    server.process.kill()
    server.end()
    (left,) = backups.iterdir()
    assert left.name.startswith(".changemaker-backup-")
    os.truncate(film, 0)
    os.utime(left, (0, 0))  # for a minute it might be of a backup that has just begun
    made = json.loads(changemaker("backup", backups, "--json").stdout)
    assert [str(path) for path in backups.iterdir()] == [made["path"]]


def test_move_database(changemaker: Any, site: Any) -> None:
    checked = changemaker("move-database", "--check", "sqlite:///moved.db")
    assert (checked.exit_code, "can be moved." in checked.stdout) == (0, True), checked.stderr
    assert not (site.folder / "moved.db").exists()
    moved = changemaker("move-database", "-", stdin="sqlite:///moved.db\n")
    assert moved.exit_code == 0, moved.stderr
    assert 'to: database_url = "sqlite:///moved.db"' in moved.stdout
    toml = site.folder / "changemaker.toml"
    toml.write_text(toml.read_text().replace("sqlite:///site.db", "sqlite:///moved.db"))
    (site.folder / "site.db").unlink()
    assert changemaker("users", "list").stdout.count(site.email) == 1
    wrong = changemaker("move-database", "mysql://localhost")
    assert (wrong.exit_code, "URL must be sqlite:///" in wrong.stderr) == (1, True)


@contextlib.contextmanager
def _files_of_at_most(size: int) -> Iterator[None]:
    """Stand in for a full disk: what is written beyond fails, as on one with a quota."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
