"""Sites as ``changemaker init`` makes them, each a copy of the first: 0.1 s of CPU instead of 2."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING
from urllib.parse import unquote

import psycopg2

from changemaker_core.testing.server import OperatedSite

if TYPE_CHECKING:
    from pathlib import Path

_URL = "CHANGEMAKER_DATABASE_URL"
_MODEL = "changemaker_model"


class MadeSites:
    """Makes sites with every installed plugin, on SQLite and on servers of PostgreSQL.

    What ``init`` itself does is tested in ``tests/cli``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        #: By the server of PostgreSQL on which they are ("": on SQLite).
        self._models: dict[str, OperatedSite] = {}

    def make(self, site: OperatedSite) -> None:
        """Do to a new site what ``site.make()`` does.

        A database of PostgreSQL is replaced; whoever is connected to it is cut off.
        """
        url = site.environment.get(_URL, "")
        server, _, name = url.rpartition("/") if url.startswith("postgresql:") else ("", "", "")
        model = self._models.get(server) or self._add_model(server)
        shutil.copytree(model.folder, site.folder)
        if server:
            _execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')
            _execute(server, f'CREATE DATABASE "{name}" TEMPLATE {_MODEL}')
        elif url:
            shutil.move(site.folder / "site.db", unquote(url.removeprefix("sqlite:///")))
        site.admin_email, site.admin_password = model.admin_email, model.admin_password

    def _add_model(self, server: str) -> OperatedSite:
        model = OperatedSite(self._folder / f"site{len(self._models)}")
        if server:
            _execute(server, f"CREATE DATABASE {_MODEL}")
            model.environment[_URL] = f"{server}/{_MODEL}"
        model.make()
        self._models[server] = model
        return model


def _execute(server: str, statement: str) -> None:
    with contextlib.closing(psycopg2.connect(f"{server}/postgres")) as connection:
        connection.autocommit = True
        connection.cursor().execute(statement)
