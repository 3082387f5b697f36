"""Who can open the files of a site, and from where its processes import."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from changemaker_core import Config, Plugin
from changemaker_core.config import Secret
from changemaker_core.config.checks import check_permissions
from changemaker_core.config.site_files import OTHERS, open_private, scratch_folder
from changemaker_core.db.sqlite.lock import FileLock
from changemaker_core.site import Site


@pytest.fixture
def open_umask() -> Any:
    """A process that creates everything for everybody, and so do its children."""
    before = os.umask(0)
    yield
    os.umask(before)


def _open_to_others(folder: Path) -> list[str]:
    found = [folder, *folder.rglob("*")]
    return sorted(str(path.relative_to(folder)) for path in found if path.stat().st_mode & OTHERS)


def test_modules_of_the_working_directory_are_not_imported(cli: Any, site: Any) -> None:
    """The directory is often one that an operator edits files in: a dump, an export, notes."""
    for name in ("queue", "org", "logging", "changemaker_core", "json"):
        (site.folder / f"{name}.py").write_text("raise SystemExit('imported from the folder')")
    cli = type(cli)(site.folder)
    server = cli.start("serve", "--site", site.folder, "--port", 0)
    assert server.get("/api/health")[0] == 200
    assert "imported from the folder" not in server.printed()


def test_everything_in_a_site_folder_is_its_owners_alone(
    cli: Any, open_umask: None, wait_for: Any
) -> None:
    assert cli.run("init", "site", "--yes").returncode == 0
    folder = cli.folder / "site"
    server = cli.start("serve", "--site", folder, "--port", 0)
    assert server.get("/api/metrics")[0] in (200, 401)
    wait_for(lambda: (folder / "run").is_dir())
    assert _open_to_others(folder) == ["changemaker.toml"]  # it holds no secret
    assert (folder / "changemaker.toml").stat().st_mode & OTHERS == 0o044


def test_so_are_cores_files_in_another_apps_process(tmp_path: Path, open_umask: None) -> None:
    site = Site(Config.for_tests(tmp_path), plugins=[])
    site.db.sync.write(lambda tx: None)
    site.folder("hello")
    site.metrics.close()
    site.close()
    assert {path.name for path in tmp_path.iterdir()} >= {"site.db", "site.db.lock", "data"}
    tmp_path.chmod(0o700)
    assert _open_to_others(tmp_path) == []


def test_an_empty_folder_is_closed_to_others(cli: Any) -> None:
    folder = cli.folder / "site"
    folder.mkdir()
    folder.chmod(0o777)
    assert cli.run("init", folder, "--yes").returncode == 0
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_in_which_others_can_replace_files_is_refused(cli: Any) -> None:
    folder = cli.folder / "site"
    folder.mkdir()
    (folder / "notes.txt").touch()
    folder.chmod(0o775)
    refused = cli.run("init", folder)
    assert refused.returncode == 1
    assert f"chmod go-w {folder}" in refused.stderr
    assert "Organisation" not in refused.stderr  # before it asks
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_a_lock_that_others_could_take_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "site.db.lock"
    path.touch()
    path.chmod(0o666)
    with FileLock(path) as lock, lock.held():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with path.open() as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_lock_is_neither_a_link_nor_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    (tmp_path / "link").symlink_to(tmp_path / "other")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        with pytest.raises(OSError, match=name):
            open_private(tmp_path / name, os.O_RDWR | os.O_CREAT)


class Parks(msgspec.Struct, frozen=True):
    """A configuration with secrets."""

    name: str = ""
    key: Secret | None = None
    older: tuple[Secret, ...] = ()


class ParksPlugin(Plugin):
    """A plugin that has it."""

    name = "parks"
    config = Parks


@pytest.fixture
def files(tmp_path: Path) -> Any:
    """A site's folder as ``init`` makes it, and what ``doctor`` finds of its files."""
    (tmp_path / ".env").write_text("CHANGEMAKER_SECRET_KEY=" + "k" * 40)
    (tmp_path / "changemaker.toml").write_text("")
    (tmp_path / "site.db").touch()
    (tmp_path / "data" / "mail").mkdir(parents=True)
    (tmp_path / "data" / "mail" / "1.eml").touch()
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)

    def find(*plugins: type[Plugin]) -> list[tuple[str, str, str]]:
        site = Site(Config.load(tmp_path, {}), plugins=plugins)
        try:
            return [(f.status, f.detail, f.fix or "") for f in check_permissions(site)]
        finally:
            site.close()

    return find


def test_doctor_is_content_with_private_files(files: Any) -> None:
    assert [status for status, _, _ in files()] == ["ok"]


@pytest.mark.parametrize("name", ["site.db", "data", "data/mail/1.eml"])
def test_doctor_reports_each_file_that_others_can_open(
    files: Any, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).chmod(0o755)
    ((status, detail, fix),) = files()
    assert (status, detail) == ("warning", f"Every user of this machine has access to {name}.")
    assert fix == f"Run `chmod -R go= {tmp_path / name}`."
    tmp_path.chmod(0o755)  # and now they reach it
    assert [status for status, _, _ in files()] == ["error"]


@pytest.mark.parametrize(
    "name", [".env.bak", "site.db.old", "site.db-wal", "dump.sql", "a.sqlite3"]
)
def test_doctor_reports_copies_of_secrets_and_databases(
    files: Any, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).touch(0o644)
    ((_, detail, _),) = files()
    assert detail == f"Every user of this machine has access to {name}."


def test_doctor_looks_at_what_a_link_leads_to(files: Any, tmp_path: Path) -> None:
    """The site's own folder does not protect what lies elsewhere."""
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    elsewhere.mkdir(0o755)
    (tmp_path / "site.db").rename(elsewhere / "real.db")
    (tmp_path / "site.db").symlink_to(elsewhere / "real.db")
    (elsewhere / "real.db").chmod(0o644)
    (elsewhere / "real.db-wal").touch(0o600)
    ((status, detail, fix),) = files()
    assert (status, str(elsewhere / "real.db") in detail) == ("error", True)
    assert fix == f"Run `chmod -R go= {elsewhere / 'real.db'}`."
    (elsewhere / "real.db").chmod(0o600)
    (tmp_path / "data").rename(elsewhere / "data")
    (tmp_path / "data").symlink_to(elsewhere / "data")
    assert [status for status, _, _ in files()] == ["ok"]
    (elsewhere / "data" / "mail" / "1.eml").chmod(0o644)
    ((status, detail, _),) = files()
    assert (status, "1.eml" in detail) == ("error", True)


def test_what_a_killed_process_left_among_temporary_files_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, fresh, link = (tmp_path / f"cm-export-{name}" for name in ("left", "fresh", "link"))
    (tmp_path / "precious").mkdir()
    for path in (left, fresh):
        path.mkdir()
        (path / "rows").touch()
    link.symlink_to(tmp_path / "precious")
    with scratch_folder("cm-export-") as in_use:
        for path in (left, in_use, tmp_path / "precious"):
            os.utime(path, (0, 0))
        with scratch_folder("cm-export-") as other:
            assert other != in_use
            found = {path.name for path in tmp_path.iterdir()}
            assert found == {in_use.name, other.name, fresh.name, link.name, "precious"}
    assert {path.name for path in tmp_path.iterdir()} == {fresh.name, link.name, "precious"}


def test_doctor_reports_passwords_in_the_configuration(files: Any, tmp_path: Path) -> None:
    (tmp_path / "changemaker.toml").chmod(0o644)
    assert [status for status, _, _ in files()] == ["ok"]
    for line in (
        'smtp_url = "smtp://me:hunter2@localhost"',
        'database_url = "postgresql://db/site?user=me&password=hunter2"',
        'database_url = "postgresql://db/site"\nread_urls = ["postgresql://me:hunter2@db2/site"]',
        'metrics_token = "hunter2hunter2hunter2"',
        '[parks]\nkey = "hunter2"',
        '[parks]\nolder = ["hunter2"]',
    ):
        (tmp_path / "changemaker.toml").write_text(line)
        ((status, detail, _),) = files(ParksPlugin)
        assert status == "error" and "changemaker.toml" in detail and "hunter2" not in detail
    (tmp_path / "changemaker.toml").write_text('[parks]\nname = "hunter2"')
    assert [status for status, _, _ in files(ParksPlugin)] == ["ok"]


def test_doctor_reports_what_others_can_change(files: Any, tmp_path: Path) -> None:
    tmp_path.chmod(0o770)
    ((status, detail, fix),) = files()
    assert status == "error" and "can change" in detail
    assert fix == f"Run `chmod go-w {tmp_path}`."


def test_doctor_reports_files_of_another_user(
    files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that was run as root leaves files that the site cannot write."""
    found = Path.lstat

    def of_another(path: Path) -> os.stat_result:
        values = list(found(path))
        if path.name == "site.db":
            values[4] += 1
        return os.stat_result(values)

    monkeypatch.setattr(Path, "lstat", of_another)
    ((status, detail, fix),) = files()
    assert status == "error" and detail.startswith("site.db: not of the user")
    assert f"chown -R --reference={tmp_path}" in fix
