"""``changemaker settings``: what it prints and changes, on a site with its own configuration."""

from __future__ import annotations

import getpass
import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from changemaker_core.cli import main
from changemaker_core.testing import SmtpServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

SECRET = "q8Fh2kLm5Tz9Xw1Rv7Bn3Cy6Dp4Gs0JaEu"
NEW = "Zt4Kp9Wc2Rx7Vm1Ny6Bq3Ls8Hd5Gf0JaEu"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a site: each test sets groups of its own."""
    path = tmp_path_factory.mktemp("site")
    (path / "changemaker.toml").write_text('time_zone = "America/Edmonton"\ndevelopment = true\n')
    (path / ".env").write_text(f"CHANGEMAKER_SECRET_KEY={SECRET}\n")
    assert CliRunner().invoke(main, ["--site", str(path), "migrate"]).exit_code == 0
    return path


@pytest.fixture
def settings(folder: Path) -> Callable[..., Result]:
    """``changemaker settings …``"""

    def run(*arguments: str, stdin: str = "", **environ: str) -> Result:
        variables = {f"CHANGEMAKER_{name}": value for name, value in environ.items()}
        runner = CliRunner(env=variables)
        return runner.invoke(main, ["--site", str(folder), "settings", *arguments], input=stdin)

    return run


def test_settings_are_set_and_undone(settings: Callable[..., Result]) -> None:
    name, footer = 'Eau & "Terre"', '{"fr": "12, rue de la Rivière"}'
    done = settings("set", "organisation", f"name={name}", f"footer={footer}")
    assert (done.exit_code, "version 1" in done.stderr) == (0, True), done.output
    assert json.loads(settings("get", "organisation", "name").stdout) == name
    settings("set", "organisation", "name=Another")
    assert settings("history", "organisation", "--limit", "-2").exit_code == 2
    shown = settings("history", "organisation").stdout
    assert f"{getpass.getuser()} (command line)" in shown
    written = json.dumps(name, ensure_ascii=False)
    assert f'name: {written} -> "Another"' in shown
    assert f"name: (default) -> {written}" in shown
    assert 'footer: (default) -> {"fr":' in shown
    assert settings("rollback", "organisation", "1").exit_code == 0
    assert json.loads(settings("get", "organisation", "name").stdout) == name
    assert f"organisation name = {json.dumps(name, ensure_ascii=False)}" in settings("list").stdout
    same = settings("rollback", "organisation", "1").stderr
    assert "Nothing was changed: organisation is as in version 1 already." in same
    assert settings("reset", "organisation", "name").exit_code == 0
    assert json.loads(settings("get", "organisation", "name").stdout) == "Changemaker"
    whole = json.loads(settings("get", "organisation").stdout)
    assert (whole["name"], "fr" in whole["footer"]) == ("Changemaker", True)
    assert settings("reset", "organisation").exit_code == 0
    assert json.loads(settings("get", "organisation", "footer").stdout) == {}
    listed = json.loads(settings("list", "--json").stdout)
    assert [group["name"] for group in listed][:2] == ["organisation", "appearance"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("set", "regional", "time_zone=UTC"), "The operator has set this (changemaker.toml:1)"),
        (("set", "regional", "default_locale=xx"), "Choose one of these: en, fr."),
        (("set", "regional", "time=UTC"), "There is no setting of this name."),
        (("set", "organisation", "footer=[1]"), "Enter a text for each language"),
        (("set", "organisation", "footer={"), "Enter a text for each language"),
        (("set", "organisation", "name"), "is not FIELD=VALUE"),
        (("set", "organization", "name=x"), "Did you mean 'organisation'?"),
        (("get", "organisation", "nam"), "Did you mean 'name'?"),
        (("rollback", "appearance", "7"), "has no version 7"),
        (("test-mail", "nobody"), "this is not an email address"),
        (("test-mail", "sam@example.org"), "No mail server is set"),
    ],
)
def test_what_is_wrong_is_said(
    settings: Callable[..., Result], arguments: tuple[str, ...], said: str
) -> None:
    done = settings(*arguments)
    assert (done.exit_code, said in done.stderr) == (1, True), done.output
    assert done.stdout == ""


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer(logins={"user": "pass-word"}) as running:
        yield running


def test_a_password_is_used_and_not_printed_and_a_key_replaced(
    settings: Callable[..., Result], folder: Path, server: SmtpServer
) -> None:
    port = server.url.rpartition(":")[2]
    values = ["host=127.0.0.1", f"port={port}", "security=never", "user=user", "password=-"]
    done = settings("set", "mail", *values, "from_address=site@example.org", stdin="pass-word\n")
    assert done.exit_code == 0, done.output
    assert settings("get", "mail", "password").stdout == "set\n"
    assert settings("test-mail", "sam@example.org").exit_code == 0
    assert [each.recipients for each in server.received] == [("sam@example.org",)]
    history = settings("history", "mail").stdout
    assert "password: (secret, not set) -> (secret, set)" in history
    assert "pass-word" not in settings("list").stdout + settings("get", "mail").stdout + history
    elsewhere = settings("set", "mail", "host=localhost")
    assert "since host changed" in elsewhere.stderr
    assert "Add password=- to the command" in elsewhere.stderr
    wrong = settings("set", "mail", "user=user", "password=other")
    assert wrong.exit_code == 0
    failed = settings("test-mail", "sam@example.org")
    assert (failed.exit_code, "step sign_in" in failed.stderr) == (1, True), failed.output
    assert failed.stderr.count("127.0.0.1") == 1

    both: dict[str, Any] = {"SECRET_KEY": NEW, "PREVIOUS_SECRET_KEYS": SECRET}
    lost = settings("rotate-secrets", SECRET_KEY=NEW)
    assert (lost.exit_code, "mail.password cannot be decrypted" in lost.stderr) == (1, True)
    assert settings("rotate-secrets", **both).exit_code == 0
    assert settings("get", "mail", "password", SECRET_KEY=NEW).stdout == "set\n"
