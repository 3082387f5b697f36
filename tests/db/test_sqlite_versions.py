"""Versions, by which processes on one SQLite file learn of one another's commits."""

from __future__ import annotations

import sqlite3

import pytest

from changemaker_core.db import Database, migrations
from changemaker_core.db.sqlite.versions import ANY_TABLE, VersionWatcher, stamp_versions


@pytest.fixture
def path(tmp_path):
    database = Database.open(f"sqlite:///{tmp_path}/site.db")
    migrations.apply(database, [migrations.CORE])
    database.close()
    return tmp_path / "site.db"


@pytest.fixture
def stamp(path):
    """Another process's commit."""
    connection = sqlite3.connect(path, isolation_level=None)
    yield lambda *names: stamp_versions(connection, frozenset(names))
    connection.close()


@pytest.fixture
def watcher(path):
    connections = []

    def connect():
        connections.append(sqlite3.connect(path))
        return connections[-1]

    watcher = VersionWatcher(connect)
    watcher.check()
    yield watcher
    for connection in connections:
        connection.close()


def test_each_commit_is_reported_once(watcher, stamp):
    assert watcher.check() == frozenset()
    stamp("a", "b#3f")
    assert watcher.check() == {"a", "b#3f"}
    assert watcher.check() == frozenset()
    stamp("b#3f")
    stamp("c")
    assert watcher.check() == {"b#3f", "c"}


def test_numbers_go_up_whatever_is_written(stamp):
    assert stamp("a") < stamp("b") < stamp("a", "b") < stamp("c")


def test_a_write_to_anything_is_reported_as_that(watcher, stamp):
    stamp(ANY_TABLE)
    assert watcher.check() is None
    stamp("a")
    assert watcher.check() == {"a"}


def test_own_commits_are_reported_only_after_another_came_between(watcher, stamp):
    watcher.expect(stamp("a"))
    assert watcher.check() == frozenset()
    stamp("b")
    watcher.expect(stamp("a"))
    assert watcher.check() == {"a", "b"}
    watcher.expect(stamp("a"))
    assert watcher.check() == frozenset()


def test_another_commit_to_what_was_just_written_here_is_reported(watcher, stamp):
    """The last number of a table may be ours, although another process wrote it meanwhile."""
    stamp("a")
    watcher.expect(stamp("a"))
    assert watcher.check() == {"a"}


def test_numbers_that_go_back_may_be_anything(watcher, stamp, path):
    for _ in range(5):
        stamp("a")
    watcher.check()
    with sqlite3.connect(path) as restored:
        restored.execute("UPDATE core_table_version SET version = 2 WHERE name = 'a'")
    restored.close()
    assert watcher.check() is None
    stamp("b")
    watcher.check()
    stamp("c")
    assert watcher.check() == {"c"}


def test_what_was_written_since_is_found_by_an_index(path):
    connection = sqlite3.connect(path)
    plan = "EXPLAIN QUERY PLAN SELECT name, version FROM core_table_version WHERE version >= 7"
    assert "USING INDEX core_table_version_version" in str(connection.execute(plan).fetchall())
    connection.close()
