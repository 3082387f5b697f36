"""``init``: a new site, its secrets, and what it refuses."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from changemaker_core.cli import main


@pytest.fixture
def init(monkeypatch: pytest.MonkeyPatch) -> Any:
    """``init("site", "--yes", input="")`` in this process; its umask is set back."""
    for name in [name for name in os.environ if name.startswith("CHANGEMAKER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CHANGEMAKER_PLUGINS__DENY", "influence,admin")
    umask = os.umask(0o022)

    def run(*arguments: Any, input: str = "") -> Any:
        return CliRunner().invoke(main, ["init", *map(str, arguments)], input=input)

    yield run
    os.umask(umask)


def test_init_prints_where_and_who(cli: Any) -> None:
    done = cli.run("init", "site", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(told) == {"site", "admin_email", "admin_password"}
    assert Path(told["site"]) == cli.folder / "site"
    assert len(told["admin_password"]) >= 12


def test_secrets_are_fresh_and_private(cli: Any) -> None:
    written = []
    for name in ("one", "two"):
        assert cli.run("init", name, "--yes").returncode == 0
        env = cli.folder / name / ".env"
        assert env.stat().st_mode & 0o777 == 0o600
        assert env.parent.stat().st_mode & 0o777 == 0o700
        written.append(env.read_text())
        assert "secret_key" not in (cli.folder / name / "changemaker.toml").read_text()
    assert written[0] != written[1]


def test_the_configuration_is_what_was_said(cli: Any) -> None:
    name = 'Eau & "Terre" \\ été'
    options = ["--organisation", name, "--locale", "fr", "--base-url", "https://eau.example"]
    assert cli.run("init", "site", "--yes", "--development", *options).returncode == 0
    table = tomllib.loads((cli.folder / "site" / "changemaker.toml").read_text())
    assert "organisation" not in table, "organisers could not change it"
    for group, field, value in (
        ("organisation", "name", name),
        ("regional", "default_locale", "fr"),
    ):
        shown = cli.run("--site", "site", "settings", "get", group, field).stdout
        assert json.loads(shown) == value
    assert table["base_url"] == "https://eau.example"
    assert table["development"] is True


def test_it_says_which_database_later_commands_must_be_told_of(cli: Any) -> None:
    assert "not saved" not in cli.run("init", "one", "--yes").stderr
    url = f"sqlite:///{cli.folder / 'elsewhere.db'}"
    done = cli.run("init", "two", "--yes", CHANGEMAKER_DATABASE_URL=url)
    assert "CHANGEMAKER_DATABASE_URL was used, but not saved" in done.stderr
    assert (cli.folder / "elsewhere.db").is_file()


def test_it_asks_unless_told_not_to(cli: Any) -> None:
    done = cli.run("init", "site", stdin="Clean Water\nme@example.org\n")
    assert done.returncode == 0, done.stderr
    assert "me@example.org" in done.stdout
    shown = cli.run("--site", "site", "settings", "get", "organisation", "name").stdout
    assert json.loads(shown) == "Clean Water"


def test_a_second_init_refuses_and_changes_nothing(cli: Any, site: Any) -> None:
    before = {path: path.read_bytes() for path in site.folder.iterdir() if path.is_file()}
    done = cli.run("init", site.folder, "--yes", "--json")
    assert done.returncode == 1
    assert "changemaker.toml already exists" in done.stderr
    assert done.stdout == ""
    assert before == {path: path.read_bytes() for path in site.folder.iterdir() if path.is_file()}


def test_a_password_in_the_database_url_is_a_secret(cli: Any) -> None:
    url = "postgresql://me:hidden@127.0.0.1:1/nowhere"
    done = cli.run("init", "site", "--yes", "--database-url", url)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "hidden" not in done.stderr


def test_a_failed_init_can_be_tried_again(cli: Any) -> None:
    url = "postgresql://me@127.0.0.1:1/nowhere"
    assert cli.run("init", "sites/site", "--yes", "--database-url", url).returncode == 1
    assert not (cli.folder / "sites").exists()
    done = cli.run("init", "sites/site", "--yes")
    assert done.returncode == 0, done.stderr


def test_a_failed_init_leaves_what_was_in_the_folder(cli: Any) -> None:
    folder = cli.folder / "site"
    (folder / "notes").mkdir(parents=True)
    (folder / "notes" / "plan.txt").write_text("ours")
    done = cli.run("init", "site", "--yes", "--admin-email", "me@localhost")
    assert done.returncode == 1
    assert [path.name for path in folder.rglob("*")] == ["notes", "plan.txt"]


def test_where_the_second_file_cannot_be_written_the_first_is_taken_away(cli: Any) -> None:
    folder = cli.folder / "site"
    folder.mkdir()
    nowhere = folder / ".env"
    nowhere.symlink_to(folder / "missing" / "file")
    done = cli.run("init", "site", "--yes")
    assert done.returncode == 1
    assert "Cannot write" in done.stderr
    assert [path.name for path in folder.iterdir()] == [".env"]  # somebody else's: it stays
    nowhere.unlink()
    assert cli.run("init", "site", "--yes").returncode == 0


def test_an_administrator_who_could_not_sign_in_is_refused(cli: Any, site: Any) -> None:
    homeless = cli.run("init", "one", "--yes", "--admin-email", "me@localhost")
    database = f"sqlite:///{site.folder / 'site.db'}"
    taken = cli.run("init", "two", "--yes", "--database-url", database, "--admin-email", site.email)
    for done, folder in ((homeless, "one"), (taken, "two")):
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert not (cli.folder / folder).exists()
    assert "name@example.org" in homeless.stderr
    assert "already has an account" in taken.stderr


def test_a_wrong_key_in_the_environment_is_named(cli: Any) -> None:
    done = cli.run("init", "site", "--yes", CHANGEMAKER_BASE_ULR="https://eau.example")
    assert done.returncode == 1
    assert "CHANGEMAKER_BASE_ULR" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_cannot_be_made_is_named(cli: Any) -> None:
    (cli.folder / "site").write_text("a file")
    done = cli.run("init", "site/inner", "--yes")
    assert done.returncode == 1
    assert "site" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unwritable_folder_is_named(cli: Any) -> None:
    done = cli.run("init", "/proc/site", "--yes")  # not even root can make folders there
    assert done.returncode == 1
    assert "Cannot write /proc/site" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--organisation", "two\nlines"),
        ("--admin-email", "me@localhost"),
        ("--base-url", "example.org"),
        ("--database-url", "mysql://me:hunter2@localhost/site"),
    ],
)
def test_a_wrong_option_is_named_before_anything_is_asked(
    init: Any, tmp_path: Path, option: str, value: str
) -> None:
    done = init(tmp_path / "site", option, value)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"Error: {option} must ")
    assert "changemaker.toml" not in done.stderr
    assert "hunter2" not in done.output
    assert not (tmp_path / "site").exists()


def test_a_wrong_answer_is_asked_for_again_and_the_others_are_kept(
    init: Any, tmp_path: Path
) -> None:
    answers = "Clean Water\nme at example.org\nme@localhost\nme@example.org\n"
    done = init(tmp_path / "site", input=answers)
    assert done.exit_code == 0, done.output
    assert done.stderr.count("Organisation") == 1
    assert done.stderr.count("Administrator's email") == 3
    assert done.stderr.count("This must be an email address") == 2
    assert "Administrator: me@example.org" in done.stdout


def test_what_keeps_a_site_from_being_made_is_said_before_it_asks(
    init: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE moz_places (url TEXT)")
    done = init(tmp_path / "site", "--database-url", f"sqlite:///{tmp_path / 'other.db'}")
    assert (done.exit_code, "another program" in done.stderr) == (1, True)
    monkeypatch.setenv("CHANGEMAKER_DATABASE_URL", "postgresql://me@127.0.0.1:1/nowhere")
    assert "The database cannot be used" in (done := init(tmp_path / "site")).stderr
    assert "Organisation" not in done.stderr
    assert not (tmp_path / "site").exists()


def test_the_end_of_the_input_and_ctrl_c_are_said(init: Any, tmp_path: Path) -> None:
    ended = init(tmp_path / "site", input="Clean Water\n")
    assert (ended.exit_code, "--yes asks no questions" in ended.stderr) == (1, True)
    assert not (tmp_path / "site").exists()


def test_a_folder_that_others_can_read_is_closed_to_them(init: Any, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "notes.txt").touch()
    folder.chmod(0o755)
    done = init(folder, "--yes")
    assert done.exit_code == 0, done.output
    assert folder.stat().st_mode & 0o777 == 0o700
    assert f"{folder} is now closed to other users" in done.stderr
