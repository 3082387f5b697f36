"""Helpers of the database room's tests."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import peewee
import psycopg2
import pytest
import uvloop

from changemaker_core.db import Query, compiled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from changemaker_core.db import Database, Model

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture
def make_tables(database: Database) -> Callable[..., None]:
    """Create the tables of models."""

    def make(*models: type[Model]) -> None:
        database.sync.write(lambda tx: tx.database.create_tables(models))

    return make


@pytest.fixture
def run_program() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start one of ``programs/`` as a process of its own; killed at the end if it still runs."""
    started: list[subprocess.Popen[str]] = []

    def run(name: str, *arguments: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAMS / name), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


class Said(msgspec.Struct):
    """What a session of PostgreSQL says when it is asked to, after a while."""

    said: str
    slept: str


@compiled(Said)
def _say(text: str, milliseconds: int = 0) -> Query:
    seconds = peewee.Cast(milliseconds, "FLOAT8") * peewee.SQL("0.001")
    slept = peewee.Cast(peewee.fn.pg_sleep(seconds), "TEXT")
    return peewee.Select(columns=[peewee.Cast(text, "TEXT").alias("said"), slept.alias("slept")])


@pytest.fixture
def say():
    """``say(text, milliseconds=0)``: a compiled query that answers with the text, after a while."""
    return _say


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request):
    """Run a coroutine in the library's event loop, and in that of ``serve``."""
    return request.param


@pytest.fixture
def ask(postgresql_url):
    """``ask(sql)``, past the site, about all other connections to the database."""

    def ask_(sql):
        with contextlib.closing(psycopg2.connect(postgresql_url)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    return ask_


#: Sessions of the site itself, without the listener and the one who asks.
OF_SITE = (
    " FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'changemaker'"
)


@pytest.fixture
def kill(ask):
    """End the server's side of the site's connections."""
    return lambda: len(ask("SELECT pg_terminate_backend(pid)" + OF_SITE))


@pytest.fixture
def connections(ask):
    """How many connections the site has."""
    return lambda: ask("SELECT count(*)" + OF_SITE)[0][0]
