"""A site of which backups are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from changemaker_core import Config, Site
from changemaker_core.backups.making import Made, back_up

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "a secret key of the tests, which is long enough"
TOML = """\
base_url = "https://act.example.org"
[plugins]
allow = []
"""


def no_progress(stage: str, done: int, total: int) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Kept:
    """A site, and its backups in a folder beside it."""

    folder: Path
    backups: Path
    site: Site

    def back_up(self, target: Any = None, **options: Any) -> Made:
        config = Config.load(self.folder, {})
        return back_up(config, [], "0.1.0", target or self.backups, no_progress, **options)
