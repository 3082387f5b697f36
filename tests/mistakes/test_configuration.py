"""Mistakes in a configuration: each gets its lines, all at once, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import pytest

from changemaker_core import Plugin
from changemaker_core.plugin.errors import BootFailed
from changemaker_core.site import Site
from tests.mistakes.configuration import MISTAKES, Mistake

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.database("sqlite")

_PROGRAM = "from changemaker_core.cli import main; main()"
SECRET = "0123456789abcdef" * 2


class ParksConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A plugin's configuration with each kind of rule."""

    feed: str
    benches: Annotated[int, msgspec.Meta(ge=0, le=100)] = 4
    open_at_night: bool = False
    colours: tuple[str, ...] = ()
    kind: Literal["city", "nature"] = "city"

    def __post_init__(self) -> None:
        if self.kind == "nature" and self.open_at_night:
            raise ValueError("open_at_night must be false for kind = nature.")


class ParksPlugin(Plugin):
    """Parks."""

    name = "parks"
    config = ParksConfig


def written(folder: Path, mistake: Mistake) -> dict[str, str]:
    """Write the files of a mistake, and return the environment."""
    toml = mistake.toml
    if isinstance(toml, str):
        toml += "" if "[parks" in toml else "\n[parks]\nfeed = 'x'\n"
        toml = toml.encode()
    (folder / "changemaker.toml").write_bytes(toml)
    dotenv = mistake.dotenv
    (folder / ".env").write_bytes(dotenv.encode() if isinstance(dotenv, str) else dotenv)
    environ = {f"CHANGEMAKER_{name}": value for name, value in mistake.environ.items()}
    return {"CHANGEMAKER_SECRET_KEY": SECRET} | environ


def reported(folder: Path, environ: dict[str, str]) -> list[str]:
    """Return the lines of the report, without its heading."""
    with pytest.raises(BootFailed) as failed:
        Site.load(folder, [ParksPlugin], environ=environ, serving=True)
    heading, *lines = str(failed.value).replace(str(folder), "SITE").splitlines()
    assert heading.startswith("The configuration has ")
    return [line.removeprefix("  ") for line in lines]


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gets_its_report(tmp_path: Path, name: str) -> None:
    mistake = MISTAKES[name]
    assert reported(tmp_path, written(tmp_path, mistake)) == list(mistake.report)


def test_there_are_at_least_sixty() -> None:
    assert len(MISTAKES) >= 60


@pytest.mark.parametrize("name", ["changemaker.toml", ".env"])
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("folder", "Is a directory"),
        ("pipe", "it is not a regular file"),
        ("link", "it is a link to a file that does not exist"),
        ("circle", "Too many levels of symbolic links"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, name: str, kind: str, reason: str) -> None:
    environ = written(tmp_path, Mistake(report=()))
    path = tmp_path / name
    path.unlink()
    {
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
        "link": lambda: path.symlink_to(tmp_path / "gone"),
        "circle": lambda: path.symlink_to(path),
    }[kind]()
    assert reported(tmp_path, environ) == [f"{name}: file cannot be read: {reason}."]


def test_all_mistakes_of_all_places_are_one_report(tmp_path: Path) -> None:
    """Each mistake of one variable gets the line that it gets alone, beside all the others."""
    alone = [m for m in MISTAKES.values() if len(m.environ) == 1 and not m.toml and not m.dotenv]
    chosen = {next(iter(m.environ)): m for m in alone if len(m.report) == 1}
    # What may be beside a key is uncertain where that is wrong.
    dependent = {"READ_URLS", "REDIS_URL", "CORS_CREDENTIALS"}
    chosen = {key: m for key, m in chosen.items() if key not in dependent}
    assert len(chosen) > 10
    together = {key: m.environ[key] for key, m in chosen.items()}
    lines = reported(tmp_path, written(tmp_path, Mistake(report=(), environ=together)))
    assert sorted(lines) == sorted(line for m in chosen.values() for line in m.report)


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["migrate"], ["routes"]])
def test_commands_print_the_report_and_exit_with_1(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "changemaker.toml").write_text("region = 'x'\n[accounts]\nsession_days = 0\n")
    ended = subprocess.run(
        [sys.executable, "-P", "-c", _PROGRAM, "--site", str(tmp_path), *command],
        env=os.environ | {"CHANGEMAKER_SECRET_KEY": "hunter2"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "Traceback" not in ended.stderr and "hunter2" not in ended.stderr
    assert ended.stderr.splitlines()[0] == "Error: The configuration has 3 problems:"
    assert [line.split(":")[0] for line in ended.stderr.splitlines()[1:4]] == [
        "  changemaker.toml",
        "  changemaker.toml",
        "  CHANGEMAKER_SECRET_KEY",
    ]
