"""Sites that are made and served as an operator does it."""

from __future__ import annotations

import contextlib

import pytest

from changemaker_core.testing.server import OperatedSite
from tests.bench.campaigner import Campaigner


@pytest.fixture
def organiser_at():
    """``organiser_at(address, site)``: a signed-in :class:`Campaigner`."""
    with contextlib.ExitStack() as stack:
        yield lambda address, site: stack.enter_context(Campaigner(address, site))


@pytest.fixture
def operate(tmp_path, made_sites):
    """``operate(database_url)``: a site, with the file directory."""

    def make(database_url):
        environment = {
            "CHANGEMAKER_DATABASE_URL": database_url,
            "CHANGEMAKER_INFLUENCE__DIRECTORY": "file",
        }
        site = OperatedSite(tmp_path / "site", environment)
        made_sites.make(site)
        return site

    return make


@pytest.fixture
def operated(operate, database_url):
    """Such a site, on SQLite and on PostgreSQL."""
    return operate(database_url)
