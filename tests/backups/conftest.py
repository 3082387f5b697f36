"""A site in a folder, as an operator has one, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from changemaker_core import Config, Site
from changemaker_core.testing import migrate
from tests.backups.kept import SECRET, TOML, Kept

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def kept(tmp_path: Path, database_url: str) -> Iterator[Kept]:
    folder = tmp_path / "site"
    (folder / "data" / "mail").mkdir(parents=True)
    url = "sqlite:///site.db" if database_url.startswith("sqlite") else database_url
    (folder / "changemaker.toml").write_text(f"database_url = {json.dumps(url)}\n{TOML}")
    (folder / ".env").write_text(f"CHANGEMAKER_SECRET_KEY={SECRET}\n")
    (folder / ".env").chmod(0o600)
    (folder / "data" / "mail" / "1.eml").write_text("Subject: Please act\n")
    site = Site(Config.load(folder, {}))
    migrate(site)
    yield Kept(folder, tmp_path / "backups", site)
    site.close()
