"""The guides to an installation and a staging copy: a shell reads their commands.

``nox -s guide`` follows them in an empty Debian.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.bench.guide.__main__ import PAGE, STAGING
from tests.bench.guide.blocks import blocks

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("page", [PAGE, STAGING], ids=lambda page: page.name)
def test_every_block_is_a_script(page: Path) -> None:
    found = blocks(page)
    assert len(found) == page.read_text().count("```sh")
    assert sum(block.is_tried for block in found) > len(found) / 2
    script = "\n".join(block.commands for block in found)
    checked = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")
