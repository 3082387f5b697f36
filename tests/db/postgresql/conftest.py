"""A PgBouncer before the PostgreSQL server of the run."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Literal

import pytest

from tests.bench.pgbouncer import PgBouncer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from changemaker_core.testing.postgres import PostgresCluster


@pytest.fixture
def pgbouncer(postgres_cluster: PostgresCluster) -> Iterator[Callable[..., PgBouncer]]:
    """``pgbouncer(mode, size=40)``: a running PgBouncer before the PostgreSQL server of the run."""
    with contextlib.ExitStack() as stack:

        def start(mode: Literal["session", "transaction"], size: int = 40) -> PgBouncer:
            pooler = PgBouncer(postgres_cluster, mode, size)
            stack.callback(pooler.stop)
            pooler.start()
            return pooler

        yield start
