"""Snapshots of a database, taken and restored as an operator would."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import psycopg2

if TYPE_CHECKING:
    from collections.abc import Callable


def take(url: str) -> Callable[[], None]:
    """Copy the database at ``url``; return a function that restores it, any number of times.

    SQLite files are copied and restored by its backup API, so a process may have them open.
    PostgreSQL copies only a database without connections, and restoring closes all of them.
    """
    if url.startswith("sqlite:///"):
        return _take_sqlite(Path(unquote(url.removeprefix("sqlite:///"))))
    return _take_postgresql(*url.rsplit("/", 1))


def _take_sqlite(path: Path) -> Callable[[], None]:
    copy = path.with_name(f"{path.name}-snapshot")
    _copy_sqlite(path, copy)
    return lambda: _copy_sqlite(copy, path)


def _copy_sqlite(source: Path, target: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(source)) as from_,
        contextlib.closing(sqlite3.connect(target)) as to,
    ):
        from_.backup(to)


def _take_postgresql(server: str, name: str) -> Callable[[], None]:
    copy = f"{name}_snapshot"
    _on_server(server, f'CREATE DATABASE "{copy}" TEMPLATE "{name}"')

    def restore() -> None:
        _on_server(server, f'DROP DATABASE "{name}" WITH (FORCE)')
        _on_server(server, f'CREATE DATABASE "{name}" TEMPLATE "{copy}"')

    return restore


def _on_server(server: str, statement: str) -> None:
    with contextlib.closing(psycopg2.connect(f"{server}/postgres")) as connection:
        connection.autocommit = True
        connection.cursor().execute(statement)
