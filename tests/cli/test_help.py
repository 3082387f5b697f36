"""``--help`` stays light, and third-party commands are loaded only when they are called."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from changemaker_core import cli as changemaker_cli

HEAVY = {"falcon", "marshmallow", "peewee", "jinja2", "babel", "httpx", "uvicorn", "psycopg2"}
#: Rooms that cost as much, with what they import.
ROOMS = {"changemaker_core.config", "changemaker_core.identity", "changemaker_core.db"}
HELP = """
import sys
from changemaker_core.cli import main
try:
    main(["--help"])
finally:
    print("loaded:", *sorted(sys.modules))
"""


def test_help_imports_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True)
    loaded = set(done.stdout.split("loaded:")[1].split())
    assert done.returncode == 0
    assert "changemaker_core.cli" in loaded
    assert not (HEAVY | ROOMS) & loaded


def test_every_command_in_help_can_be_loaded(cli: Any) -> None:
    listed = cli.run("--help").stdout.split("Commands:")[1]
    names = [
        line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line[2] != " "
    ]
    assert {"init", "migrate", "serve", "demo", "users", "routes", "openapi"} <= set(names)
    for name in names:
        done = cli.run(name, "--help")
        assert done.returncode == 0, done.stderr
        assert "Usage: " in done.stdout


def test_a_command_of_a_distribution_that_is_absent_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(changemaker_cli, "_third_parties", dict)
    with pytest.raises(SystemExit) as ended:
        changemaker_cli.main(["deploy", "nginx"])
    assert ended.value.code == 1
    assert "pip install changemaker-deploy" in capsys.readouterr().err


def test_a_wrong_command_line_exits_with_2(cli: Any) -> None:
    mistyped = cli.run("serv")
    assert (mistyped.returncode, "Did you mean 'serve'?" in mistyped.stderr) == (2, True)
    assert cli.run("serve", "--workers", "0").returncode == 2


@pytest.fixture
def third_parties(tmp_path: Path) -> str:
    """A folder with an installed distribution that offers a good and a broken command."""
    folder = tmp_path / "installed"
    info = folder / "changemaker_petitions-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Name: changemaker-petitions\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(
        "[changemaker.commands]\npetitions = petitions_cli:group\nbroken = petitions_gone:group\n"
    )
    (folder / "petitions_cli.py").write_text(
        "import click\n\n@click.command()\ndef group():\n    click.echo('counted 3')\n"
    )
    return str(folder)


def test_help_names_third_parties_and_survives_a_broken_one(cli: Any, third_parties: str) -> None:
    done = cli.run("--help", PYTHONPATH=third_parties)
    assert done.returncode == 0
    assert "petitions From changemaker-petitions 1.2." in " ".join(done.stdout.split())
    assert "broken" in done.stdout
    metadata = Path(third_parties) / "changemaker_petitions-1.2.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text() + "Summary: Petitions for your site.\n")
    said = " ".join(cli.run("--help", PYTHONPATH=third_parties).stdout.split())
    assert "petitions Petitions for your site (changemaker-petitions 1.2)." in said


def test_a_third_partys_command_runs(cli: Any, third_parties: str) -> None:
    assert cli.run("petitions", PYTHONPATH=third_parties).stdout == "counted 3\n"


def test_a_broken_command_says_whose_it_is(cli: Any, third_parties: str) -> None:
    done = cli.run("broken", PYTHONPATH=third_parties)
    assert done.returncode == 1
    assert "changemaker-petitions 1.2" in done.stderr
    assert "petitions_gone" in done.stderr
    assert "Traceback" not in done.stderr
