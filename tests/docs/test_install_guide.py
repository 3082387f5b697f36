"""The guide to an installation: its commands are a shell's, and those that are not tried say why.

``nox -s guide`` follows it in an empty Debian.
"""

from __future__ import annotations

import subprocess

from tests.bench.guide.__main__ import PAGE
from tests.bench.guide.blocks import blocks


def test_every_block_is_a_script() -> None:
    found = blocks(PAGE)
    assert len(found) == PAGE.read_text().count("```sh")
    assert sum(block.is_tried for block in found) > 10
    script = "\n".join(block.commands for block in found)
    checked = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")
