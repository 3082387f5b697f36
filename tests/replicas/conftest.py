"""PostgreSQL servers that tests may crash, and streaming replicas of them."""

from __future__ import annotations

import contextlib

import httpx
import psycopg2
import pytest

from changemaker_core.testing.postgres import PostgresCluster
from changemaker_core.testing.server import OperatedSite
from tests.bench.postgres_replica import PostgresReplica


def pytest_collection_modifyitems(items):
    """All that is tested here needs PostgreSQL."""
    for item in items:
        if item.path.parent.name == "replicas":
            item.add_marker("postgresql")


class Person:
    """Somebody at the API of one address, signed in if ``site`` is told."""

    def __init__(self, address, site=None):
        self.client = httpx.Client(base_url=address, timeout=30)
        if site is not None:
            who = {"email": site.admin_email, "password": site.admin_password}
            session = self.client.post("/api/auth/login", json=who).json()
            self.client.headers["Authorization"] = f"Bearer {session['access_token']}"

    def campaign(self):
        """A published campaign."""
        draft = {
            "title": "Clean water for everyone",
            "description": "Version 0",
            "email_subject": "Clean water",
            "email_body": "Dear {recipient_name},\n\nplease act.\n\n{sender_name}",
            "target_government_levels": ["FEDERAL"],
        }
        made = self.client.post("/api/campaigns", json=draft)
        assert made.status_code == 201, made.text
        changed = self.change(made.json()["id"], status="ACTIVE")
        assert changed.status_code == 200, changed.text
        return changed.json()

    def change(self, campaign_id, **changes):
        return self.client.patch(f"/api/campaigns/{campaign_id}", json=changes)

    def send(self, campaign_id, sender):
        letter = {
            "sender_name": "Sacha",
            "sender_email": sender,
            "postal_code": "L5G 4L3",
            "consent": True,
            "recipient_emails": ["avery.tremblay@parl.example.ca"],
        }
        return self.client.post(f"/api/campaigns/{campaign_id}/send-email", json=letter)


@pytest.fixture
def person():
    """``person(address, site)``: a :class:`Person`, whose connection is closed in the end."""
    with contextlib.ExitStack() as stack:

        def meet(address, site=None):
            someone = Person(address, site)
            stack.callback(someone.client.close)
            return someone

        yield meet


@pytest.fixture(scope="session")
def primary():
    """A server with replicas. (No commit is lost when it crashes, as long as the machine runs.)"""
    cluster = PostgresCluster({"synchronous_commit": "local"})
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def replica(primary):
    """A replica that follows closely, though never at once, and logs what it is asked."""
    settings = {"log_statement": "all", "recovery_min_apply_delay": "100ms"}
    follower = PostgresReplica(primary, settings)
    follower.start()
    yield follower
    follower.stop()


@pytest.fixture(scope="session")
def late_replica(primary):
    """A replica that lags by exactly 10 seconds, and logs what it is asked."""
    settings = {"log_statement": "all", "recovery_min_apply_delay": "10s"}
    follower = PostgresReplica(primary, settings)
    follower.start()
    yield follower
    follower.stop()


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
