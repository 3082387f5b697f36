"""The pytest plugin, registered with pytest by this distribution.

It is loaded in every pytest run of an environment that has this distribution installed, so
importing it imports nothing else of the project; fixtures import what they use. Each subject has a
module of fixtures of its own.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from changemaker_core.testing.fixtures import database
from changemaker_core.testing.left_out import LeftOut

if TYPE_CHECKING:
    import pytest

#: Modules whose fixtures the plugin offers, each imported when pytest is configured.
FIXTURES = (
    "changemaker_core.testing.fixtures.database",
    "changemaker_core.testing.fixtures.site",
    "changemaker_core.testing.fixtures.servers",
    "changemaker_core.testing.fixtures.browser",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of this project's tests and of its plugins' tests."""
    group = parser.getgroup("changemaker")
    database.add_options(group)
    group.addoption(
        "--nothing-left-out",
        action="store_true",
        help="fail where a suite would be left out because something is not installed",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the fixtures, and the record of what is left out."""
    config.stash[LeftOut.KEY] = left_out = LeftOut(config.getoption("--nothing-left-out"))
    config.pluginmanager.register(left_out, "changemaker-left-out")
    for name in FIXTURES:
        module = importlib.import_module(name)
        if not config.pluginmanager.is_registered(module):
            config.pluginmanager.register(module, name)
