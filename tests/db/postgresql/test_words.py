"""A PostgreSQL server whose words are not in UTF-8, as one of another language and encoding."""

from __future__ import annotations

import asyncio

import peewee
import psycopg2
import pytest

from changemaker_core.db import Database, DatabaseUnavailable, Model, Query, compiled
from changemaker_core.db.postgresql.control import ControlConnection
from changemaker_core.db.postgresql.settings import PoolSettings

WORDS = "le système de bases de données s'arrête"
REFUSED = r"le syst.+me de bases de donn.+es"


class Word(Model):
    number = peewee.IntegerField()

    class Meta:
        table_name = "test_words"


@compiled(int)
def numbers(least: int) -> Query:
    """Some numbers."""
    return Word.select(Word.number).where(Word.number >= least)


def refusal() -> bytes:
    """The message with which a server that stops refuses a session."""
    fields = b"SFATAL\0C57P03\0M" + WORDS.encode("latin-1") + b"\0\0"
    return b"E" + (len(fields) + 4).to_bytes(4) + fields


@pytest.fixture
async def url():
    async def refuse(reader, writer):
        await reader.readuntil(b"\0\0")
        writer.write(refusal())
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"postgresql://u@127.0.0.1:{port}/x?sslmode=disable&gssencmode=disable"


async def test_each_read_is_told_that_the_database_is_unavailable(url):
    database = Database.open(url)
    async with asyncio.timeout(60):
        for _ in range(PoolSettings.read_connections + 1):
            with pytest.raises(DatabaseUnavailable, match=REFUSED):
                await database.all(numbers(1))
        await asyncio.to_thread(database.close)


async def test_what_watches_a_server_hears_that_it_refuses(url):
    with pytest.raises(psycopg2.OperationalError, match=REFUSED):
        await asyncio.to_thread(ControlConnection, url, "watch", 3)


async def test_a_unit_of_work_is_told_as_well(url):
    database = Database.open(url)
    with pytest.raises(DatabaseUnavailable, match=REFUSED):
        await database.read(lambda: None)
    await asyncio.to_thread(database.close)
