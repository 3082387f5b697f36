"""Commands of plugins, completion, suggestions, and where ``--site`` may stand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from changemaker_core.cli import main
from changemaker_core.site import core

COMMANDS = '''
import click
from changemaker_core.cli import CommandError, pass_site

@click.group()
def petitions():
    """Look after petitions."""

@petitions.command()
@pass_site
@click.argument("word")
@click.option("--loud", is_flag=True)
def count(site, word, loud):
    """Count the petitions."""
    click.echo(f"{word} {len(site.plugins())} {site.organisation} {loud}")
    if loud:
        raise CommandError("too loud")
'''


@pytest.fixture
def packages(tmp_path: Path) -> str:
    """A folder with a distribution that offers a plugin and a command."""
    folder = tmp_path / "installed"
    info = folder / "changemaker_petitions-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Name: changemaker-petitions\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(
        "[changemaker.plugins]\npetitions = petitions_plugin:Petitions\n"
        "[changemaker.commands]\npetitions = petitions_cli:petitions\n"
    )
    (folder / "petitions_cli.py").write_text(COMMANDS)
    (folder / "petitions_plugin.py").write_text(
        "from changemaker_core import Plugin\n\nclass Petitions(Plugin):\n    name = 'petitions'\n"
    )
    return str(folder)


def test_a_group_of_a_plugin_gets_the_open_site(cli: Any, site: Any, packages: str) -> None:
    folder = str(site.folder)
    for arguments in (
        ["--site", folder, "petitions", "count", "all"],
        ["petitions", "count", "all", "--site", folder],
    ):
        done = cli.run(*arguments, PYTHONPATH=packages)
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"all {len(core().features) + 1} My organisation False\n"
    shown = cli.run("petitions", "count", "--help", PYTHONPATH=packages).stdout
    assert "Count the petitions." in shown and "--site" in shown


def test_its_errors_and_those_of_the_site_have_no_traceback(
    cli: Any, site: Any, packages: str
) -> None:
    done = cli.run("petitions", "count", "a", "--loud", "--site", site.folder, PYTHONPATH=packages)
    assert (done.returncode, done.stderr) == (1, "Error: too loud\n")
    done = cli.run("petitions", "count", "a", "--site", cli.folder / "none", PYTHONPATH=packages)
    assert (done.returncode, "contains no site" in done.stderr) == (1, True)


def test_a_plugin_that_is_left_out_takes_its_commands_along(
    cli: Any, site: Any, packages: str
) -> None:
    environ = {"PYTHONPATH": packages, "CHANGEMAKER_PLUGINS__DENY": "petitions"}
    assert "petitions" not in cli.run("--site", site.folder, "--help", **environ).stdout
    called = cli.run("--site", site.folder, "petitions", "count", "a", **environ)
    assert called.returncode == 1
    assert "`changemaker petitions` is left out of this site" in called.stderr
    # Away from a site, nothing leaves it out.
    assert "petitions" in cli.run("--help", **environ).stdout


def test_an_unknown_command_of_a_group_gets_a_suggestion(
    cli: Any, site: Any, packages: str
) -> None:
    for arguments, meant in ((("queues", "lst"), "list"), (("petitions", "cuont"), "count")):
        done = cli.run(*arguments, PYTHONPATH=packages)
        assert done.returncode == 2
        assert f"Did you mean '{meant}'?" in done.stderr


def _leaves(group: click.Group, ctx: click.Context) -> dict[str, click.Command]:
    found = {}
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        if isinstance(command, click.Group):
            inner = click.Context(command, info_name=name, parent=ctx)
            found |= {f"{name} {n}": each for n, each in _leaves(command, inner).items()}
        elif command is not None:
            found[name] = command
    return found


def test_every_command_about_a_site_takes_it_after_its_name_too() -> None:
    leaves = _leaves(main, click.Context(main, info_name="changemaker"))
    without = {
        name
        for name, command in leaves.items()
        if not any("--site" in parameter.opts for parameter in command.params)
    }
    assert without == {"demo", "init", "restore", "restore-drill"}
    assert len(leaves) > 15


@pytest.mark.parametrize(
    ("words", "offered"), [("changemaker que", "queues"), ("changemaker queues re", "release")]
)
def test_the_shell_completes_commands(words: str, offered: str) -> None:
    environ = {
        **os.environ,
        "_CHANGEMAKER_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    script = Path(sys.executable).with_name("changemaker")
    done = subprocess.run([script], env=environ, capture_output=True, text=True)
    assert f"plain,{offered}" in done.stdout.splitlines()


def test_init_prints_the_command_as_it_was_typed(cli: Any) -> None:
    (cli.folder / "my bin").mkdir()
    (cli.folder / "my bin" / "changemaker").symlink_to(
        Path(sys.executable).with_name("changemaker")
    )
    done = subprocess.run(
        ["my bin/changemaker", "init", "my site", "--yes"],
        cwd=cli.folder,
        env=cli.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "Next: 'my bin/changemaker' --site 'my site' serve"
    again = cli.run("init", "other", "--yes")
    assert again.stdout.splitlines()[-1] == "Next: changemaker --site other serve"
