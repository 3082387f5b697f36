"""PostgreSQL servers that tests may crash, and streaming replicas of them."""

from __future__ import annotations

import contextlib

import psycopg2
import pytest

from changemaker_core.testing.postgres import PostgresCluster
from changemaker_core.testing.server import OperatedSite
from tests.bench.campaigner import Campaigner
from tests.bench.postgres_replica import PostgresReplica


def pytest_collection_modifyitems(items):
    """All that is tested here needs PostgreSQL."""
    for item in items:
        if item.path.parent.name == "replicas":
            item.add_marker("postgresql")


@pytest.fixture
def person():
    """``person(address, site)``: a :class:`Campaigner`, whose connection is closed in the end."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(Campaigner(*arguments))


@pytest.fixture(scope="session")
def primary():
    """A server with replicas. (No commit is lost when it crashes, as long as the machine runs.)"""
    cluster = PostgresCluster({"synchronous_commit": "local"})
    cluster.start()
    yield cluster
    cluster.stop()


def following(primary, delay):
    follower = PostgresReplica(primary, {"log_statement": "all", "recovery_min_apply_delay": delay})
    follower.start()
    yield follower
    follower.stop()


@pytest.fixture(scope="session")
def replica(primary):
    """A replica that follows closely, though never at once, and logs what it is asked."""
    yield from following(primary, "100ms")


@pytest.fixture(scope="session")
def late_replica(primary):
    """A replica that lags by exactly 10 seconds, and logs what it is asked."""
    yield from following(primary, "10s")


@pytest.fixture
def crashing():
    """A server for one test, which may crash it."""
    cluster = PostgresCluster({"synchronous_commit": "local"})
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture
def replica_of():
    """``replica_of(primary, **settings)``: a replica that follows."""
    with contextlib.ExitStack() as stack:

        def follow(primary, **settings):
            replica = PostgresReplica(primary, settings)
            stack.callback(replica.stop)
            replica.start()
            return replica

        yield follow


@pytest.fixture
def operated(tmp_path):
    """``operated(database_url, **environment)``: a site made by ``changemaker init``."""

    def make(database_url, **environment):
        variables = {
            "CHANGEMAKER_DATABASE_URL": database_url,
            "CHANGEMAKER_API_RATE_LIMIT": "1000000",
            "CHANGEMAKER_INFLUENCE__DIRECTORY": "file",
            "CHANGEMAKER_INFLUENCE__SEND_LIMIT_PER_HOUR": "10000",
            **environment,
        }
        site = OperatedSite(tmp_path / "site", variables)
        site.make()
        return site

    return make


@pytest.fixture
def ask():
    """``ask(url, sql)``: the rows, from one server."""

    def ask_(url, sql):
        with contextlib.closing(psycopg2.connect(url)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    return ask_
