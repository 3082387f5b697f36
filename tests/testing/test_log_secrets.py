"""Secrets in the logs of a test run are found, wherever they were written."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

import pytest

from changemaker_core.signing import Signer
from tests.log_secrets import LogSecrets

TOKEN = "hQ2xV7mZk0-Rb4TnY9sLw_Ec6UjA1oPd3GfKi8BvC5M"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("cannot send to ann.lee@example.org: refused", "email address"),
        ("Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "access token"),
        ("cannot connect to postgresql://site:hunter2@db/site", "password of a URL"),
        (f'"path":"/join/","token":"{TOKEN}"', "token"),
        (f'"path":"/join/{TOKEN}","route":"/join/x"', "token"),
        (f"GET /join/{TOKEN}/accept 200", "token"),
        (f"cannot read {TOKEN}.", "token"),
        (f"https://act.example.org/join/{TOKEN}?x=1", "token"),
        ("redis://:hunter2@cache:6379", "password of a URL"),
        ("the password is wide river, slow boat", "known secret"),
    ],
)
def test_a_secret_is_found_and_not_repeated(text: str, kind: str) -> None:
    plugin = LogSecrets()
    plugin.learn("wide river, slow boat")
    [found] = plugin.search("tests/x.py::test_x", text)
    assert found.startswith(f"tests/x.py::test_x: {kind} in: ")
    assert "ann.lee@" not in found and "hunter2" not in found and "slow boat" not in found


@pytest.mark.parametrize(
    "text",
    [
        '{"time":"2030-01-31T12:00:00.000Z","request_id":"0a1b2c3d4e5f-12","user":null}',
        "job 0198f2c4-7f1e-7c3a-9d7b-6a1f0c2b3d4e of changemaker_core.jobs.running.Executor",
        "/srv/pytest-of-root/pytest-12/test_A_Long_Name_of_a_test_that_has_12_words/site.db",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "see https://example.org:8080/path",
        "postgresql://…@db/site is away",
        "/srv/test_Of_2_Names_that_Have_12_words_and_more_of_them0/data.db.",
        "changemaker_influence.directories.OpenNorth2ElectoralDistrictsOf2030.",
    ],
)
def test_what_is_no_secret_is_none(text: str) -> None:
    assert list(LogSecrets().search("tests/x.py::test_x", text)) == []


def test_tokens_of_this_process_are_known(request: pytest.FixtureRequest) -> None:
    plugin = request.config.pluginmanager.get_plugin("changemaker-log-secrets")
    assert isinstance(plugin, LogSecrets)
    token = secrets.token_urlsafe(32)
    assert token in plugin.known


def test_what_was_signed_is_known_until_the_end_of_a_test(
    request: pytest.FixtureRequest,
) -> None:
    plugin = request.config.pluginmanager.get_plugin("changemaker-log-secrets")
    assert isinstance(plugin, LogSecrets)
    plugin.signed.clear()
    signer = Signer(["for tests only"], "tests", lambda: datetime.now(UTC))
    token = signer.write({"id": 1})
    [found] = plugin.search("tests/x.py::test_x", f"no such page: /links/{token[:30]}")
    assert "known secret" in found and token[:10] not in found
