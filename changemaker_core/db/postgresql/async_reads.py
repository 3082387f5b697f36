"""Compiled reads of PostgreSQL in the event loop, on a small pool of asyncpg connections.

A read is one prepared statement and a transaction of its own: it sees what was committed when the
server began it. Reads that run at the same moment have a connection each, in no order. What asyncpg
would read otherwise than psycopg2, and what it refuses, is left to a thread with psycopg2.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import secrets
import threading
from concurrent import futures
from datetime import date, datetime
from decimal import Decimal
from types import NoneType
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import asyncpg

from changemaker_core.db.errors import DatabaseUnavailable
from changemaker_core.db.postgresql.addresses import asyncpg_addresses, set_timeouts
from changemaker_core.db.slow.queries import Statement
from changemaker_core.db.threads import check_usable

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from changemaker_core.db.postgresql.settings import PoolSettings
    from changemaker_core.db.reads.plans import Plan
    from changemaker_core.db.slow import SlowQueries

logger = logging.getLogger(__name__)

#: Statements that a connection keeps prepared; the oldest makes room for another.
PREPARED = 200
_CHECK_SECONDS = 1.0
_STOP_SECONDS = 10.0
_SESSION = {"timezone": "UTC", "datestyle": "ISO", "application_name": "changemaker"}
#: What is read and written as text, with what makes the value that psycopg2 would.
_AS_TEXT = {"uuid": str, "timestamptz": datetime.fromisoformat, "numeric": Decimal}
#: Types whose values are the same here and with psycopg2: bool, int8, int2, int4, text, json,
#: float8, bpchar, varchar, date, timestamptz, numeric, uuid, uuid[], jsonb (pg_type.dat).
_SAME = frozenset({16, 20, 21, 23, 25, 114, 701, 1042, 1043, 1082, 1184, 1700, 2950, 2951, 3802})
#: Casts that give a parameter the type that a literal of the value has. A quoted text has the type
#: that its place asks for, as has a parameter without a cast.
_CASTS = dict.fromkeys((str, NoneType, list), "") | {bool: "::boolean", date: "::date"}
_CASTS |= {float: "::numeric", Decimal: "::numeric", datetime: "::timestamptz"}


def _cast(value: Any) -> str:
    """Raise KeyError for a value that only psycopg2 writes."""
    if type(value) is not int:
        return _CASTS[type(value)]
    bits = value.bit_length()
    return "::integer" if bits < 32 else "::bigint" if bits < 64 else "::numeric"


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection with the statements that it has prepared."""

    def __init__(self, protocol: Any, transport: asyncio.Transport, *rest: Any) -> None:
        super().__init__(protocol, transport, *rest)
        set_timeouts(transport.get_extra_info("socket"))
        #: When its read began, or its last one ended.
        self.since = asyncio.get_running_loop().time()
        #: By plan and casts; False where the rows have a type that is not read here.
        self._statements: dict[tuple[Plan, tuple[str, ...]], Any] = {}
        # No other client of a pooler has such names: theirs must not run in the place of ours.
        self._names = map(f"changemaker_{secrets.token_hex(8)}_{{}}".format, itertools.count(1))

    async def read(self, plan: Plan, values: list[Any], named: bool) -> list[Any] | None:
        """Return the rows of ``plan``; None where psycopg2 gives them another form.

        A statement that is not ``named`` is parsed anew at each read, in the same round trip.
        """
        key = plan, tuple([_cast(value) for value in values])
        statement: Any = self._statements.get(key)
        if statement is None:
            sql = plan.sql % tuple(f"${number}{cast}" for number, cast in enumerate(key[1], 1))
            statement = await self.prepare(sql, name=next(self._names) if named else "")
            if not {each.type.oid for each in statement.get_attributes()} <= _SAME:
                statement = False
            if len(self._statements) == PREPARED:
                del self._statements[next(iter(self._statements))]
            self._statements[key] = statement
        if not statement:
            return None
        try:
            # NOTE(PERF): what ``statement.fetch(*values)`` does, without three coroutines around it
            # that are a tenth of a read. Where asyncpg changes it, reads go to threads.
            rows: list[Any] = await self._protocol.bind_execute(
                statement._state, values, "", 0, False, None
            )
        except (asyncpg.PostgresError, asyncpg.InternalClientError):
            del self._statements[key]  # it may be outdated: the next read prepares it anew
            raise
        return rows


class _LoopPool:
    """The connections of one event loop, opened when all others are busy."""

    def __init__(
        self,
        url: str,
        settings: PoolSettings,
        seconds: float,
        slow: SlowQueries,
        repeats: bool,
    ) -> None:
        self._addresses = asyncpg_addresses(url)
        self._settings = settings
        self._connect_seconds = seconds
        self._slow = slow
        self._attempts = (False, True) if repeats else (True,)
        self._loop = asyncio.get_running_loop()
        self._turns = asyncio.Semaphore(settings.read_connections)
        #: The last one used is used next.
        self._idle: list[_Connection] = []
        self._open: WeakSet[_Connection] = WeakSet()
        #: When a connection could last not be opened, and why.
        self._failure: tuple[float, Exception] = (0.0, TimeoutError())
        self._watcher = self._loop.create_task(self._watch())
        self.thread = threading.get_ident()

    async def fetch(self, plan: Plan, values: list[Any]) -> list[Any] | None:
        """See ``AsyncReads.fetch``."""
        began = self._loop.time()
        await self._turns.acquire()
        connection = self._idle.pop() if self._idle else None
        try:
            for is_last in self._attempts:
                try:
                    connection = connection or await self._connect(began)
                    began = connection.since = self._loop.time()
                    try:
                        return await connection.read(plan, values, self._settings.prepare)
                    finally:
                        connection.since = self._loop.time()
                        if (seconds := connection.since - began) > self._slow.seconds:
                            self._slow.statement(Statement(plan.sql, values, plan.name), seconds)
                except TimeoutError as error:
                    raise DatabaseUnavailable("the server does not respond") from error
                except Exception as error:
                    if connection is None or not connection.is_closed():
                        logger.debug("%s is read on a thread: %r", plan.name, error)
                        break
                    connection = None
                    if is_last or self._loop.time() - began > self._settings.read_seconds:
                        raise DatabaseUnavailable(str(error)) from error
        finally:
            if connection is not None and not connection.is_closed():
                self._idle.append(connection)
            self._turns.release()
        return None

    async def _connect(self, began: float) -> _Connection:
        """Open a connection to the first host that has one.

        Fails at once where one could not be opened since ``began``, when the read began to wait.
        """
        at, error = self._failure
        if at >= began:
            raise error
        for address in self._addresses:
            try:
                async with asyncio.timeout(self._connect_seconds):
                    return await self._connect_to(address)
            except Exception as each:
                error = each
        self._failure = self._loop.time(), error
        raise error

    async def _connect_to(self, address: str) -> _Connection:
        connection: _Connection = await asyncpg.connect(
            address,
            connection_class=_Connection,
            server_settings=_SESSION,
            statement_cache_size=0,
        )
        self._open.add(connection)
        try:
            for name, read in _AS_TEXT.items():
                await connection.set_type_codec(
                    name, schema="pg_catalog", encoder=str, decoder=read, format="text"
                )
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def _watch(self) -> None:
        """Close connections that are idle or busy for too long, and all when the loop ends."""
        try:
            while True:
                await asyncio.sleep(_CHECK_SECONDS)
                for each in tuple(self._open):
                    is_idle = each in self._idle
                    limit = self._settings.idle_seconds if is_idle else self._settings.read_seconds
                    if self._loop.time() - each.since > limit:
                        each.terminate()
                self._idle = [each for each in self._idle if not each.is_closed()]
        finally:
            self.cut()

    def cut(self) -> None:
        """End all reads with an error."""
        self._failure = self._loop.time(), TimeoutError()
        for connection in tuple(self._open):
            connection.terminate()

    async def close(self) -> None:
        """Wait for the reads that have begun, and close."""
        for _ in range(self._settings.read_connections):
            await self._turns.acquire()
        self._watcher.cancel()
        await asyncio.wait([self._watcher])


class AsyncReads:
    """The connections of all event loops of this process to one server.

    ``seconds``: how long a connection may take to be opened. ``repeats``: a read whose connection
    is lost runs once more, on a new one. ``slow`` logs those that take long.
    """

    def __init__(
        self,
        url: str,
        settings: PoolSettings,
        seconds: float,
        slow: SlowQueries,
        *,
        repeats: bool,
    ) -> None:
        self._options = url, settings, seconds, slow, repeats
        self._pools: dict[asyncio.AbstractEventLoop, _LoopPool] = {}
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._closed = False

    def fetch(self, plan: Plan, values: list[Any]) -> Awaitable[list[Any] | None]:
        """Return the rows of ``plan``; None where psycopg2 has to read them, or say what is wrong.

        Raises DatabaseUnavailable.
        """
        loop = asyncio.get_running_loop()
        return (self._pools.get(loop) or self._add(loop)).fetch(plan, values)

    def _add(self, loop: asyncio.AbstractEventLoop) -> _LoopPool:
        with self._lock:
            check_usable(self._closed, self._pid)
            self._pools = {each: pool for each, pool in self._pools.items() if not each.is_closed()}
            pool = self._pools[loop] = _LoopPool(*self._options)
            return pool

    def cut(self) -> None:
        """End all reads with an error, for a server that hangs. From any thread."""
        for loop, pool in tuple(self._pools.items()):
            if loop.is_running():
                loop.call_soon_threadsafe(pool.cut)

    def close(self) -> None:
        """Finish the reads that have begun, and close. From any thread; that of a loop does not
        wait for it."""
        with self._lock:
            self._closed, pools, self._pools = True, self._pools, {}
        for loop, pool in pools.items():
            if loop.is_running():  # a loop that has ended has closed its connections
                closing = asyncio.run_coroutine_threadsafe(pool.close(), loop)
                if pool.thread != threading.get_ident():
                    futures.wait([closing], _STOP_SECONDS)
