"""``demo``: from nothing to an address, and the same site again."""

from __future__ import annotations

import json
import re
import signal
import socket
import tomllib
import urllib.request
from typing import Any

import pytest

# Here the plugins that are installed are wanted: a demonstration shows them.
DEMO = {"CHANGEMAKER_PLUGINS__DENY": ""}


def _password(printed: str) -> str | None:
    found = re.search(r"Password \(shown only once\): (\S+)", printed)
    return found[1] if found else None


def _sign_in(address: str, password: str) -> int:
    body = json.dumps({"email": "admin@example.org", "password": password}).encode()
    request = urllib.request.Request(  # noqa: S310
        f"{address}/api/auth/login", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return int(answer.status)


@pytest.fixture
def demo(cli: Any) -> Any:
    return cli.start("demo", "--port", 0, **DEMO)


def test_it_serves_three_campaigns_and_says_how_to_sign_in(cli: Any, demo: Any) -> None:
    status, page = demo.get("/campaigns")
    assert status == 200
    assert len(set(re.findall(r'href="(/campaigns/[^"/?#]+)"', page))) == 3
    password = _password(demo.printed())
    assert password is not None
    assert _sign_in(demo.address(), password) == 200
    table = tomllib.loads((cli.folder / "demo-site" / "changemaker.toml").read_text())
    assert table["development"] is True
    assert table["influence"] == {"directory": "file"}


def test_ctrl_c_ends_it_quietly(cli: Any) -> None:
    demo = cli.start("demo", "--port", 0, "--host", "0.0.0.0", **DEMO)  # noqa: S104
    port = demo.address().rpartition(":")[2]
    with socket.create_connection(("127.0.0.2", port), 30):  # another address of this machine
        pass
    demo.signal(signal.SIGINT)
    assert demo.end() == 0
    assert demo.printed().endswith("\nStopped.\n")
    assert "Traceback" not in demo.printed()


def test_a_second_run_uses_the_folder_again_without_the_password(cli: Any, demo: Any) -> None:
    demo.address()
    demo.signal(signal.SIGTERM)
    assert demo.end() == 0
    again = cli.start("demo", "--port", 0, **DEMO)
    assert again.get("/campaigns")[0] == 200
    assert _password(again.printed()) is None
    assert "was already in" in again.printed()


def test_a_public_address_is_refused(cli: Any) -> None:
    done = cli.run("demo", "--host", "demo.example.org")
    assert (done.returncode, "is a public address" in done.stderr) == (1, True)
    assert not (cli.folder / "demo-site").exists()


def test_a_port_in_use_is_said_before_anything_is_made(cli: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = cli.run("demo", "--port", taken.getsockname()[1])
    assert done.returncode == 1
    assert "is already in use" in done.stderr
    assert not (cli.folder / "demo-site").exists()
