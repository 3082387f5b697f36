"""``changemaker webhooks``."""

from __future__ import annotations

import contextlib
import json

import pytest
from click.testing import CliRunner

from changemaker_core.cli import common, main
from changemaker_core.features.webhooks.deliveries.attempts import Attempts
from tests.webhooks.conftest import OPENED, status


@pytest.fixture
def command(site, monkeypatch):
    """``command("webhooks", …)`` on the site: its result."""

    @contextlib.contextmanager
    def opened_site(*_):
        yield site

    monkeypatch.setattr(common, "opened_site", opened_site)

    def run(*arguments):
        return CliRunner().invoke(main, ["webhooks", *arguments])

    return run


def test_a_webhook_from_the_command_line(command, run, emit, receiver):
    assert "There are no webhooks." in command("list").output
    assert "parks.park.opened" in command("events").output
    added = command("add", receiver.url, "--event", OPENED.name)
    assert added.exit_code == 0, added.output
    new = json.loads(added.stdout)
    id, secret = new["id"], new["secret"]
    tested = command("test", id)
    assert tested.exit_code == 0 and "accepted with 204" in tested.stdout
    receiver.behave = status(500, body=b"out of order")
    failed = command("test", id)
    assert failed.exit_code == 1 and "500" in failed.output and "out of order" in failed.output
    emit("a")
    run()
    (listed,) = json.loads(command("list", "--json").stdout)
    assert (listed["waiting"], listed["status"]) == (1, "active")
    assert "1 waiting, failing since" in command("list").output
    assert secret not in command("list", "--json").output
    assert command("disable", id).exit_code == 0
    assert "off" in command("list").output
    receiver.behave = None
    assert command("activate", id).exit_code == 0
    run()
    log = json.loads(command("deliveries", id, "--json").stdout)
    assert [each["state"] for each in log] == ["delivered", "failed", "delivered"]
    assert log[0]["id"] in command("deliveries", id, "--state", "delivered").output
    assert command("redeliver", id, log[0]["id"]).exit_code == 0
    assert "still waiting" in command("redeliver", id, log[0]["id"]).output
    rotated = command("rotate-secret", id, "--overlap", "0")
    assert rotated.stdout.startswith("whsec_") and rotated.stdout.strip() != secret
    assert command("remove", id, "--yes").exit_code == 0
    for arguments in (
        ("test", id),
        ("activate", id),
        ("remove", id, "--yes"),
        ("deliveries", id),
        ("rotate-secret", "nothing"),
    ):
        gone = command(*arguments)
        assert gone.exit_code == 1 and "There is no webhook" in gone.output, gone.output


def test_a_test_that_is_interrupted_does_not_wait_for_ever(command, receiver, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    new = json.loads(command("add", receiver.url, "--event", OPENED.name).stdout)
    monkeypatch.setattr(Attempts, "send", interrupted)
    assert command("test", new["id"]).exit_code == 130
    (test,) = json.loads(command("deliveries", new["id"], "--json").stdout)
    assert test["state"] == "failed" and "KeyboardInterrupt" in test["error"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("http://10.0.0.7/", "--event", OPENED.name), "webhooks.allow"),
        (("https://10.0.0.7/", "--event", OPENED.name), "webhooks.allow"),
        (("https://9.9.9.9/", "--event", "parks.park.opend"), f"Did you mean '{OPENED.name}'?"),
        (("https://9.9.9.9/", "--event", OPENED.name, "--owner", "x@example.org"), "no user"),
    ],
)
def test_what_is_refused_says_why(command, arguments, says):
    refused = command("add", *arguments)
    assert refused.exit_code == 1 and says in refused.output and "Traceback" not in refused.output
