"""``users`` and ``roles``."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest


@pytest.fixture
def users(changemaker: Any) -> Any:
    """``users("list")``"""
    return partial(changemaker, "users")


@pytest.fixture
def robin(users: Any) -> str:
    """The address of a user without any role but USER."""
    done = users("create", "robin@example.org", "--name", "Robin Roy")
    assert done.exit_code == 0, done.stderr
    return "robin@example.org"


def test_create_shows_a_random_password_once(users: Any) -> None:
    done = users("create", "a@example.org", "--json")
    assert done.exit_code == 0, done.stderr
    account = json.loads(done.stdout)
    assert account["role"] == "USER"
    assert len(account["password"]) >= 12


def test_a_given_password_is_not_shown(users: Any, robin: str) -> None:
    words = "nine quiet herons by the mill"
    create = ("create", "b@example.org", "--role", "SUPER_ADMIN", "--password-stdin")
    for command in (create, ("reset-password", robin, "--password-stdin")):
        done = users(*command, stdin=words + "\n")
        assert done.exit_code == 0, done.stderr
        assert words not in done.stdout + done.stderr


def test_refusals_are_said_plainly(users: Any, site: Any, robin: str) -> None:
    refused = {
        ("create", site.email): "already has an account",
        ("create", "c@example.org", "--role", "KING"): "SUPER_ADMIN",
        ("create", "d@localhost"): "such as name@example.org",
        ("create", "d@example.org", "--name", "n" * 201): "at most 200",
        ("role", robin, "KING"): "SUPER_ADMIN",
        ("invite", robin): "already has an account",
        ("invite", robin, "--withdraw"): "no open invitation",
        ("invite", "d@example.org", "--role", "KING"): "SUPER_ADMIN",
        ("invite", "d@localhost"): "such as name@example.org",
        ("role", site.email, "USER"): "the last administrator",
        ("suspend", site.email): "the last administrator",
        ("delete", site.email, "--yes"): "the last administrator",
        ("grant", robin, "SUPER_ADMIN", "parks.park", "elm"): "no such kind of object",
        ("grant", robin, "USER", "parks.park", "elm", "--end"): "does not have the role",
    }
    nobody = "nobody@example.org"
    for command in ("show", "suspend", "reactivate", "unlock", "reset-password", "sessions"):
        refused[command, nobody] = f"{nobody} has no account."
    for words, problem in refused.items():
        done = users(*words)
        assert (done.exit_code, done.stdout) == (1, ""), words
        assert problem in done.stderr
        assert "Traceback" not in done.stderr
    weak = users("create", "d@example.org", "--password-stdin", stdin="short\n")
    assert weak.exit_code == 1


def test_a_person_is_invited_again_and_not_at_all(users: Any) -> None:
    invite = ("invite", "ida@example.org")
    for words in ((*invite, "--name", "Ida", "--role", "TEMP", "--days", "14"), invite):
        done = users(*words)
        assert done.exit_code == 0, done.stderr
    ida = json.loads(users("show", "ida@example.org", "--json").stdout)
    assert (ida["status"], ida["role"], ida["name"]) == ("INVITED", "TEMP", "Ida")
    assert ida["expires_at"] is not None
    assert users(*invite, "--withdraw").exit_code == 0
    assert users("show", "ida@example.org").exit_code == 1


@pytest.mark.parametrize(
    ("purpose", "path"),
    [
        ("sign-in", "/sign-in-link/"),
        ("reset-password", "/reset-password/"),
        ("verify-email", "/verify-email/"),
    ],
)
def test_a_link_is_handed_out(users: Any, robin: str, purpose: str, path: str) -> None:
    made = users("link", robin, "--for", purpose)
    assert made.exit_code == 0, made.stderr
    assert path in made.stdout
    mailed = users("link", robin, "--for", purpose, "--mail")
    assert path not in mailed.stdout
    assert f"sent to {robin}" in mailed.stdout


def test_links_to_join_are_for_the_invited(users: Any, robin: str) -> None:
    assert users("invite", "ida@example.org").exit_code == 0
    assert "/join/" in users("link", "ida@example.org", "--for", "join").stdout
    for words, problem in {
        ("ida@example.org",): "is not open",
        (robin, "--for", "join"): "already has an account",
        ("nobody@example.org",): "nobody@example.org has no account.",
        ("nobody@example.org", "--for", "join"): "registration is closed",
    }.items():
        done = users("link", *words)
        assert (done.exit_code, done.stdout) == (1, ""), words
        assert problem in done.stderr


def test_users_are_listed_shown_and_managed(users: Any, site: Any, robin: str) -> None:
    assert users("list", "roy").stdout == f"{robin}  Robin Roy  USER  ACTIVE\n"
    assert [each["email"] for each in json.loads(users("list", "--json").stdout)] == [
        robin,
        site.email,
    ]
    assert users("list", "--role", "GARDENER").stderr == "There are no such users.\n"
    assert users("role", robin, "SUPER_ADMIN").exit_code == 0
    assert "role        SUPER_ADMIN\n" in users("show", robin).stdout
    for command, said, status in (
        ("suspend", "is suspended", "SUSPENDED"),
        ("reactivate", "is active", "ACTIVE"),
        ("unlock", "can sign in again", "ACTIVE"),
    ):
        assert users(command, robin).stdout == f"{robin} {said}.\n"
        assert json.loads(users("show", robin, "--json").stdout)["status"] == status
    assert users("sessions", robin).stderr == f"{robin} is not signed in anywhere.\n"
    assert users("sessions", robin, "--end").exit_code == 0
    reset = users("reset-password", robin)
    assert "Password (shown only once): " in reset.stdout
    assert users("delete", robin, stdin="n\n").exit_code == 1
    assert users("delete", robin, "--yes").exit_code == 0
    assert users("show", robin).exit_code == 1


def test_roles_are_listed_and_shown(changemaker: Any) -> None:
    assert "USER  Can sign in\n" in changemaker("roles", "list").stdout
    assert "accounts.me.read  See your own account" in changemaker("roles", "show", "USER").stdout
    shown = json.loads(changemaker("roles", "show", "SUPER_ADMIN", "--json").stdout)
    assert (shown["permissions"], shown["built_in"]) == (["*"], True)
    unknown = changemaker("roles", "show", "SUPER_ADMN")
    assert "Did you mean 'SUPER_ADMIN'?" in unknown.stderr
