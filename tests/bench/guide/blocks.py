"""The commands of a guide: its ``sh`` blocks, in their order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_FENCE = re.compile(r"(<!-- not tried: .+ -->\n)?```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """Commands that stand together, below the heading ``section``."""

    section: str
    commands: str
    is_tried: bool

    @property
    def needs_network(self) -> bool:
        """Whether it installs something."""
        return re.search(r"apt-get |/pip install ", self.commands) is not None


def blocks(page: Path) -> list[Block]:
    """Return every block of a page."""
    found, section = [], page.stem
    for part in re.split(r"^(?=## )", page.read_text(), flags=re.MULTILINE):
        if heading := re.match(r"## (.+)", part):
            section = heading[1]
        found += [Block(section, text, not mark) for mark, text in _FENCE.findall(part)]
    return found
