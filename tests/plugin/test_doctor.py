"""What ``changemaker doctor`` sees, against real files, databases and servers."""

from __future__ import annotations

import json
import os
import smtplib
import socket
import sqlite3
from typing import TYPE_CHECKING

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from click.testing import CliRunner, Result

from changemaker_core.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "q8Fh2kLm5Tz9Xw1Rv7Bn3Cy6Dp4Gs0JaEu"


def run(site: Path, *arguments: str, **environ: str) -> Result:
    """``changemaker --site SITE ARGUMENTS``, in this process."""
    variables: dict[str, str | None] = {k: None for k in os.environ if k.startswith("CHANGEMAKER_")}
    variables |= {f"CHANGEMAKER_{k}": v for k, v in {"SECRET_KEY": SECRET, **environ}.items()}
    return CliRunner(env=variables).invoke(main, ["--site", str(site), *arguments])


def findings(result: Result, name: str) -> list[tuple[str, str]]:
    """The status and detail of the checks of this name."""
    return [(f["status"], f["detail"]) for f in json.loads(result.stdout) if f["name"] == name]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The folder of a site whose configuration is empty."""
    (tmp_path / "changemaker.toml").touch(0o600)
    return tmp_path


def migrated(site: Path) -> Path:
    assert run(site, "migrate").exit_code == 0
    return site


def test_doctor_of_a_site_in_order(site: Path) -> None:
    finished = run(migrated(site), "doctor", "--json", DEVELOPMENT="true")
    assert finished.exit_code == 0, finished.stdout
    assert {finding["status"] for finding in json.loads(finished.stdout)} == {"ok"}
    names = {finding["name"] for finding in json.loads(finished.stdout)}
    checks = {"configuration", "plugins", "database", "migrations", "queues", "mail", "secret"}
    checks |= {"files", "base url", "proxies", "disk", "home page", "page sources", "languages"}
    checks |= {"accounts.authenticators", "accounts.emails", "accounts.two_factor_roles"}
    checks |= {"audit.chain", "privacy.declared"}
    assert names == checks | {"settings.stored", "influence.directory"}


@pytest.mark.parametrize(
    ("environ", "silent"),
    [
        ({"DATABASE_URL": "mysql://h/n"}, {"database", "migrations", "queues", "files"}),
        ({"SMTP_URL": "mail.example.org"}, {"mail"}),
        ({"BASE_URL": "example.org"}, {"base url", "proxies"}),
    ],
)
def test_nothing_is_concluded_from_a_key_that_is_wrong(
    site: Path, environ: dict[str, str], silent: set[str]
) -> None:
    finished = run(migrated(site), "doctor", "--json", **environ)
    assert [status for status, _ in findings(finished, "configuration")] == ["error"]
    assert not silent & {finding["name"] for finding in json.loads(finished.stdout)}


def test_a_file_that_cannot_be_read_is_the_one_error(site: Path) -> None:
    (migrated(site) / "changemaker.toml").write_text("organisation = \n[influence]\n")
    finished = run(site, "doctor", "--json")
    errors = [each for each in json.loads(finished.stdout) if each["status"] == "error"]
    assert [each["name"] for each in errors] == ["configuration"]
    assert "changemaker.toml:1" in errors[0]["detail"]


def test_a_folder_without_a_site(tmp_path: Path) -> None:
    finished = run(tmp_path, "doctor", "--json", SECRET_KEY="")
    assert finished.exit_code == 1
    assert findings(finished, "configuration") == [
        ("error", f"{tmp_path} contains no site: it has no changemaker.toml.")
    ]
    assert {finding["name"] for finding in json.loads(finished.stdout)} == {
        "configuration",
        "plugins",
    }
    listed = run(tmp_path, "plugins", "list", SECRET_KEY="")
    assert (listed.exit_code, "contains no site" in listed.stderr) == (0, True)
    assert "secret_key" not in listed.stderr


def test_a_database_that_is_not_there_or_behind(site: Path) -> None:
    finished = run(site, "doctor", "--json")
    assert findings(finished, "database") == [("error", "The file of database_url does not exist.")]
    (site / "site.db").write_bytes(b"")
    ((status, message),) = findings(run(site, "doctor", "--json"), "migrations")
    assert status == "error"
    assert "behind" in message


def test_a_database_that_is_ahead(site: Path) -> None:
    migrated(site)
    with sqlite3.connect(site / "site.db") as db:
        db.execute(
            "INSERT INTO core_migrations (name, applied) VALUES ('9999_of_later', '2030-01-01')"
        )
    db.close()
    ((status, message),) = findings(run(site, "doctor", "--json"), "migrations")
    assert (status, "ahead" in message) == ("error", True)


def test_a_file_that_is_no_database(site: Path) -> None:
    (site / "site.db").write_text("not a database " * 100)
    ((status, message),) = findings(run(site, "doctor", "--json"), "database")
    assert (status, "cannot be read" in message) == ("error", True)


def test_jobs_that_nothing_runs(site: Path) -> None:
    migrated(site)
    due = "2026-05-01 12:00:00.000000+00:00"
    with sqlite3.connect(site / "site.db") as db:
        db.execute(
            "INSERT INTO core_job (id, name, queue, payload, state, attempts, wanted_at, due_at,"
            " created_at, updated_at) VALUES (?, 'a.b', 'late', '{}', 'queued', 0, ?, ?, ?, ?)",
            ("0196b5a0-0000-7000-8000-000000000001", due, due, due, due),
        )
    db.close()
    assert findings(run(site, "doctor", "--json"), "queues") == [
        ("warning", "No process runs the jobs of late, due since 2026-05-01 12:00 UTC."),
        ("ok", "No queue is held."),
    ]


def unused_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_a_postgresql_server_that_is_down(site: Path) -> None:
    url = f"postgresql://nobody@127.0.0.1:{unused_port()}/site"
    ((status, message),) = findings(run(site, "doctor", "--json", DATABASE_URL=url), "database")
    assert (status, message.startswith("No server responds at 127.0.0.1")) == ("error", True)


def test_a_mail_server_that_is_down(site: Path) -> None:
    environ = {"SMTP_URL": f"smtp://127.0.0.1:{unused_port()}", "MAIL_FROM": "a@example.org"}
    ((status, _),) = findings(run(site, "doctor", "--json", **environ), "mail")
    assert status == "error"


def test_a_mail_server_that_answers(site: Path, smtp_port: int) -> None:
    environ = {"SMTP_URL": f"smtp://127.0.0.1:{smtp_port}", "MAIL_FROM": "a@example.org"}
    ((status, message),) = findings(run(site, "doctor", "--json", **environ), "mail")
    assert (status, "Nothing was sent" in message) == ("ok", True)


@pytest.fixture
def smtp_port() -> Iterator[int]:
    """A real SMTP server on a free port."""
    controller = Controller(Sink(), hostname="127.0.0.1", port=unused_port())
    controller.start()
    with smtplib.SMTP("127.0.0.1", controller.port) as client:
        client.noop()
    yield controller.port
    controller.stop()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (
            {"SECRET_KEY": "changeme" * 5, "PLUGINS_DENY": "zeppelin,zeppelin"},
            {"mail": "warning", "secret": "warning", "base url": "warning", "plugins": "warning"},
        ),
        (
            {"SECRET_KEY": "a" * 40, "BASE_URL": "https://example.org", "DEVELOPMENT": "1"},
            {"mail": "ok", "secret": "warning", "base url": "error", "plugins": "ok"},
        ),
        ({"BASE_URL": "http://example.org"}, {"base url": "warning", "secret": "ok"}),
        ({"BASE_URL": "https://example.org"}, {"base url": "ok"}),
        ({"BASE_URL": "http://[::1]:4000", "DEVELOPMENT": "1"}, {"base url": "ok"}),
    ],
)
def test_what_else_doctor_sees(
    site: Path, environ: dict[str, str], expected: dict[str, str]
) -> None:
    finished = run(site, "doctor", "--json", **environ)
    assert {check: findings(finished, check)[0][0] for check in expected} == expected


@pytest.mark.parametrize(("mode", "status"), [(0o600, "ok"), (0o640, "warning"), (0o644, "error")])
def test_who_can_read_secrets(site: Path, mode: int, status: str) -> None:
    dotenv = site / ".env"
    dotenv.write_text("")
    dotenv.chmod(mode)
    ((found, _),) = findings(run(site, "doctor", "--json"), "files")
    assert found == status


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "ok"),
        ({"INFLUENCE__DIRECTORY": "file"}, "warning"),
        ({"INFLUENCE__DIRECTORY": "file", "DEVELOPMENT": "1"}, "ok"),
    ],
)
def test_a_live_site_that_shows_fictional_people(
    site: Path, environ: dict[str, str], expected: str
) -> None:
    ((status, _),) = findings(run(site, "doctor", "--json", **environ), "influence.directory")
    assert status == expected
