"""``users create``."""

from __future__ import annotations

import json
from typing import Any


def test_create_shows_a_random_password_once(cli: Any, site: Any) -> None:
    done = cli.run("users", "create", "a@example.org", "--site", site.folder, "--json")
    assert done.returncode == 0, done.stderr
    account = json.loads(done.stdout)
    assert account["role"] == "USER"
    assert len(account["password"]) >= 12


def test_a_given_password_is_not_shown(cli: Any, site: Any) -> None:
    words = "nine quiet herons by the mill"
    options = ("--site", site.folder, "--role", "SUPER_ADMIN", "--password-stdin")
    done = cli.run("users", "create", "b@example.org", *options, stdin=words + "\n")
    assert done.returncode == 0, done.stderr
    assert words not in done.stdout + done.stderr


def test_refusals_are_said_plainly(cli: Any, site: Any) -> None:
    taken = cli.run("users", "create", site.email, "--site", site.folder)
    unknown = cli.run("users", "create", "c@example.org", "--role", "KING", "--site", site.folder)
    weak = cli.run(
        *("users", "create", "d@example.org", "--password-stdin", "--site", site.folder),
        stdin="short\n",
    )
    homeless = cli.run("users", "create", "d@localhost", "--site", site.folder)
    long = ("users", "create", "d@example.org", "--name", "n" * 201, "--site", site.folder)
    for done in (taken, unknown, weak, homeless, cli.run(*long)):
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
    assert "SUPER_ADMIN" in unknown.stderr


def test_unlock_ends_the_wait(cli: Any, site: Any) -> None:
    done = cli.run("users", "unlock", site.email, "--site", site.folder)
    assert (done.returncode, done.stdout) == (0, f"{site.email} can sign in again.\n"), done.stderr
    unknown = cli.run("users", "unlock", "nobody@example.org", "--site", site.folder)
    assert unknown.returncode == 1
    assert "nobody@example.org has no account." in unknown.stderr
