"""docs/guides/backup.md: each of its commands does what it says, on the site of a test."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from changemaker_core.cli import main
from changemaker_core.testing.server import OperatedSite

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "backup.md").read_text()
NAME = "changemaker-act.example.org-20261129T021500Z.tar.gz"


def test_the_commands_of_the_guide_in_their_order(made_sites: Any, tmp_path: Path) -> None:
    site = OperatedSite(tmp_path / "site")
    made_sites.make(site)
    toml = site.folder / "changemaker.toml"
    own = 'base_url = "https://act.example.org"'
    toml.write_text(re.sub(r'^base_url = ".*"', own, toml.read_text(), flags=re.MULTILINE))
    commands = re.findall(r"^ *(changemaker (?!.* \| ).*)$", GUIDE, re.MULTILINE)
    for command in commands:
        if "/srv/site" in command and " restore " in command:
            site.folder.rename(tmp_path / "site.before")  # the guide's second step
        words = shlex.split(command.replace("/srv", str(tmp_path)))[1:]
        done = CliRunner().invoke(main, words, input="y\n")
        assert done.exit_code == 0, (command, done.output)
        if words[2:3] == ["backup"]:
            (archive,) = (tmp_path / "backups").iterdir()
            assert re.sub(r"\d{8}T\d{6}Z", "20261129T021500Z", archive.name) == NAME
            archive.rename(archive.with_name(NAME))
    assert len(commands) == 6
    assert (tmp_path / "copy" / "site.db").exists()
    listed = subprocess.run(
        ["tar", "--extract", "--gzip", "--file", tmp_path / "backups" / NAME, "--to-stdout",
         "SHA256SUMS"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "  site/.env\n" in listed
