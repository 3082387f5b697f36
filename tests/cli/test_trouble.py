"""What commands say when something is wrong with the database, or when they are stopped."""

from __future__ import annotations

import contextlib
import signal
import socket
import sqlite3
import subprocess
from typing import Any

import pytest

#: Of every kind: one that opens the site, one that reads it as it is, one that serves it.
COMMANDS = (("serve", "--port", "0"), ("migrate",), ("doctor",), ("init", "other", "--yes"))


def _run_all(cli: Any, site: Any, **environ: str) -> dict[str, tuple[int, str]]:
    """Run the commands at once, and return the exit status and what each printed."""
    processes = {
        command[0]: subprocess.Popen(
            cli.command(*command),
            cwd=cli.folder,
            env=cli.environment(CHANGEMAKER_SITE=str(site.folder), **environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for command in COMMANDS
    }
    try:
        printed = {name: each.communicate(timeout=120)[0] for name, each in processes.items()}
    finally:
        for process in processes.values():
            process.kill()
    return {name: (each.returncode, printed[name]) for name, each in processes.items()}


def test_a_server_that_accepts_and_says_nothing_ends_every_command(cli: Any, site: Any) -> None:
    """As a PostgreSQL that was stopped with SIGSTOP."""
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        port = frozen.getsockname()[1]
        url = f"postgresql://me@127.0.0.1:{port}/site"
        for name, (status, printed) in _run_all(cli, site, CHANGEMAKER_DATABASE_URL=url).items():
            assert status == 1, (name, printed)
            assert "timeout expired" in printed, (name, printed)
            assert "Traceback" not in printed, (name, printed)


def test_a_file_that_is_no_database_is_one_line(cli: Any, site: Any) -> None:
    (site.folder / "site.db").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(4000))
    url = f"sqlite:///{site.folder / 'site.db'}"
    for name, (status, printed) in _run_all(cli, site, CHANGEMAKER_DATABASE_URL=url).items():
        assert status == 1, (name, printed)
        assert "site.db: file is not a database. Correct database_url" in printed, (name, printed)
        assert "Traceback" not in printed, (name, printed)
        assert name == "doctor" or len(printed.splitlines()) == 1, (name, printed)


def test_a_command_on_a_database_that_is_behind_says_to_migrate(cli: Any, site: Any) -> None:
    with contextlib.closing(sqlite3.connect(site.folder / "site.db")) as database:
        database.execute("DROP TABLE core_hold")
        database.execute("DELETE FROM core_migrations WHERE name > '0001'")
        database.commit()
    done = cli.run("--site", site.folder, "queues", "list")
    assert done.returncode == 1
    assert "behind the installed code" in done.stderr
    assert f"changemaker --site {site.folder} migrate" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_that_is_stopped_says_so(cli: Any, site: Any, number: signal.Signals) -> None:
    server = cli.start("serve", "--site", site.folder, "--port", 0)
    server.address()
    server.signal(number)
    assert server.end() == 0
    assert '"Stopped."' in server.printed().splitlines()[-1]


def test_ctrl_c_ends_any_command_with_130(cli: Any, site: Any, wait_for: Any) -> None:
    with open(cli.folder / "asked", "w+") as asked:
        process = subprocess.Popen(
            cli.command("init", "new"),
            cwd=cli.folder,
            env=cli.environment(),
            stdin=subprocess.PIPE,
            stderr=asked,
        )
        wait_for(lambda: "Organisation" in (cli.folder / "asked").read_text())
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        process.stdin.close()
    said = (cli.folder / "asked").read_text()
    assert said.endswith("\nStopped.\n")
    assert "Traceback" not in said
