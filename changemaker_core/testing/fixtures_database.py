"""Fixtures: databases to test against, SQLite files and a private PostgreSQL server."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from changemaker_core.testing.left_out import LeftOut

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from changemaker_core.db import Database
    from changemaker_core.db.migrations import MigrationFolder
    from changemaker_core.testing.postgres import PostgresCluster

_BOTH = ("sqlite", "postgresql")
_MARKERS = (
    "postgresql: needs a PostgreSQL server, whatever database the other tests run on",
    "database(name): runs on this database alone, because its subject is not SQL",
)
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
    """Declare the markers."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that uses ``database_url`` once on each database, or on those it is marked with.

    ``@pytest.mark.database("sqlite")`` is for tests whose subject is something else than SQL.
    """
    if "database_url" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("database")
        names = _BOTH if marker is None else marker.args
        metafunc.parametrize("database_url", names, indirect=True, ids=names)


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
    """The URL of a new empty database; the test runs on SQLite and again on PostgreSQL."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An open database with core's own tables, on SQLite and on PostgreSQL."""
    from changemaker_core.db import Database, migrations

    opened = Database.open(database_url, secret="a secret of the tests, long enough")  # noqa: S106
    migrate_database(opened, database_url, [migrations.CORE])
    yield opened
    opened.close()


#: SQLite files as migrations leave them, by the migrations.
_migrated: dict[tuple[object, ...], bytes] = {}


def migrate_database(db: Database, url: str, folders: Sequence[MigrationFolder]) -> None:
    """Bring the database at ``url`` up to date.

    A SQLite file that does not exist yet is a copy of the first one that was migrated by the same
    migrations (3 ms instead of 60). PostgreSQL's ``CREATE DATABASE … TEMPLATE`` takes longer than
    migrations do.
    """
    from changemaker_core.db import migrations

    path = Path(unquote(url.removeprefix("sqlite:///")))
    if not url.startswith("sqlite:///") or path.exists():
        migrations.apply(db, folders)
        return
    files = [(file, file.stat().st_mtime_ns) for each in folders for file in each.path.glob("*.py")]
    key = (*folders, *sorted(files))
    if key in _migrated:
        path.write_bytes(_migrated[key])
        return
    migrations.apply(db, folders)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        _migrated[key] = connection.serialize()
