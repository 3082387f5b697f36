"""What all tests of the core share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import settings

from changemaker_core.testing.left_out import leave_out
from tests.bench import netns

if TYPE_CHECKING:
    import pytest

# How long an example takes says more about the machine than about the code.
settings.register_profile("changemaker", deadline=None)
settings.load_profile("changemaker")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker of tests on several machines."""
    config.addinivalue_line("markers", "netns: needs network namespaces, so Linux and root")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave them out where the machine has no network namespaces."""
    leave_out(config, items, "netns", netns.why_not)
