"""Fixtures: databases to test against, SQLite files and a private PostgreSQL server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from changemaker_core.testing.left_out import LeftOut

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from changemaker_core.db import Database
    from changemaker_core.testing.postgres import PostgresCluster

_BOTH = ("sqlite", "postgresql")
#: Marks tests that need PostgreSQL whatever database the others run on.
MARKER = "postgresql: needs a PostgreSQL server"
_ABSENT = "no initdb found; apt-get install postgresql"


def add_options(group: pytest.OptionGroup) -> None:
    """``--database``."""
    group.addoption(
        "--database",
        choices=[*_BOTH, "both"],
        default="both",
        help="the database that tests run on (both: PostgreSQL where it is installed)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", MARKER)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test that uses ``database_url`` runs once on each database."""
    if "database_url" in metafunc.fixturenames:
        metafunc.parametrize("database_url", _BOTH, indirect=True, ids=_BOTH)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of a database that is not asked for or not installed."""
    unwanted = {name for name in _BOTH if config.getoption("--database") not in (name, "both")}
    wants_postgresql = any("postgresql" in _databases(item) for item in items)
    if wants_postgresql and "postgresql" not in unwanted and not _is_installed():
        config.stash[LeftOut.KEY].suite("PostgreSQL", _ABSENT)
        unwanted.add("postgresql")
    dropped = [item for item in items if _databases(item) & unwanted]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if item not in dropped]


def _databases(item: pytest.Item) -> set[str]:
    """Which databases a test needs."""
    found = {"postgresql"} if item.get_closest_marker("postgresql") else set()
    callspec = getattr(item, "callspec", None)
    if callspec is not None and "database_url" in callspec.params:
        found.add(callspec.params["database_url"])
    return found


def _is_installed() -> bool:
    from changemaker_core.testing.postgres import PostgresCluster

    return PostgresCluster.find() is not None


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresCluster]:
    """A PostgreSQL server of this test run."""
    from changemaker_core.testing.postgres import PostgresCluster

    cluster = PostgresCluster()
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture
def postgresql_url(postgres_cluster: PostgresCluster) -> Iterator[str]:
    """The URL of a new empty PostgreSQL database."""
    url = postgres_cluster.create_database()
    yield url
    postgres_cluster.drop(url)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a new SQLite file."""
    return f"sqlite:///{tmp_path / 'site.db'}"


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a new empty database; the test runs on SQLite and on PostgreSQL."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An open database with core's own tables, on SQLite and on PostgreSQL."""
    from changemaker_core.db import Database, migrations

    opened = Database.open(database_url, secret="a secret of the tests, long enough")  # noqa: S106
    migrations.apply(opened, [migrations.CORE])
    yield opened
    opened.close()
