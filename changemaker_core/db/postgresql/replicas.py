"""Read replicas: used for a read only where nothing newer is on the primary.

Before a replica is used, a process makes sure that it was notified of every commit that has
returned anywhere (``Listener.caught_up``), and knows a position of the primary's log behind the
last change of each table that is read. A replica that has replayed that far responds as the primary
would. So all readers see the newest state, also of what was written through another machine.
"""

from __future__ import annotations

import itertools
import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import peewee
import psycopg2

from changemaker_core.db.postgresql.async_reads import AsyncReads
from changemaker_core.db.postgresql.control import ControlConnection
from changemaker_core.db.postgresql.listener import IDENTITY, WHERE

if TYPE_CHECKING:
    from changemaker_core.db.postgresql.listener import Listener
    from changemaker_core.db.postgresql.settings import PoolSettings
    from changemaker_core.db.reads.plans import Plan
    from changemaker_core.db.slow import SlowQueries

logger = logging.getLogger(__name__)

#: How often a replica's progress is read, and how long its response may take.
POLL_SECONDS = 0.25
RESPONSE_SECONDS = 0.5
#: How long a connection to a replica may take to be opened, before the primary is read.
CONNECT_SECONDS = 1.0
#: How many seconds a replica may be behind before it is reported.
ALLOWED_LAG = 5.0
_STOP_SECONDS = 10.0
_STATE = (
    "SELECT pg_is_in_recovery(), pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint,"
    " EXTRACT(EPOCH FROM now() - pg_last_xact_replay_timestamp())::float8"
)


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """The state of a replica when it was last checked.

    ``problem`` is why it is not used at all; ``lag`` estimates how many seconds it is behind the
    primary.
    """

    number: int
    host: str
    problem: str = ""
    lag: float = 0.0

    @property
    def concern(self) -> str:
        """What to report to an operator; empty where all is well."""
        if self.problem or self.lag <= ALLOWED_LAG:
            return self.problem
        return f"it is {self.lag:.0f} s behind the primary"


@dataclass(frozen=True, slots=True)
class Progress:
    """The position that a replica has replayed, and the age of the last commit before it in seconds
    (None before the first)."""

    position: int
    age: float | None

    def lag(self, primary: int) -> float:
        """Return how many seconds it is behind a primary at the position ``primary``."""
        return (self.age or 0.0) if self.position < primary else 0.0


class Unusable(Exception):
    """A server that responds, and cannot be read in place of the primary."""


class Replica:
    """One replica: a thread that watches it, and the connections that it is read through."""

    def __init__(
        self, number: int, url: str, listener: Listener, pools: PoolSettings, slow: SlowQueries
    ) -> None:
        self.number = number
        self._url = url
        self._listener = listener
        self._async_reads = AsyncReads(url, pools, CONNECT_SECONDS, slow, repeats=False)
        self._watcher: threading.Thread | None = None
        self._stop = threading.Event()
        #: The position it has replayed; -1 while it is not to be used.
        self.position = -1
        self._age: float | None = None
        self._problem = "not checked yet"

    @property
    def state(self) -> ReplicaState:
        """Its state when it was last checked."""
        lag = Progress(self.position, self._age).lag(self._listener.notified.positions.latest)
        return ReplicaState(self.number, host_of(self._url), self._problem, lag)

    def start(self) -> None:
        """Start to watch it."""
        self._stop.clear()
        self._watcher = threading.Thread(
            target=self._watch, name=f"replica-{self.number}-watch", daemon=True
        )
        self._watcher.start()

    def request_stop(self) -> None:
        """Let the watch end soon, without waiting for that."""
        self._stop.set()

    def stop(self) -> None:
        """Stop watching and using it."""
        self.request_stop()
        if self._watcher is not None:
            self._watcher.join(_STOP_SECONDS)
            self._watcher = None
        self.position = -1

    def close(self) -> None:
        """End its thread and connections."""
        self.stop()
        self._async_reads.close()

    async def fetch(self, plan: Plan, values: list[Any]) -> list[Any] | None:
        """Return the rows of ``plan``; None where that fails and the primary has to be read."""
        try:
            return await self._async_reads.fetch(plan, values)
        except peewee.PeeweeException as error:
            # Lost, or cancelled by what it has to replay. An error of the statement itself is
            # raised by the primary as well.
            logger.info(
                "a read from replica %d failed, and is repeated on the primary: %s",
                self.number,
                error,
            )
            return None

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                with ControlConnection(
                    self._url, "changemaker replica watch", RESPONSE_SECONDS
                ) as connection:
                    self._watch_connection(connection)
            except (psycopg2.Error, Unusable) as error:
                self._stop_using(" ".join(str(error).split()))
            self._stop.wait(POLL_SECONDS * 2)

    def _watch_connection(self, connection: ControlConnection) -> None:
        check_identity(connection, self._listener.identity)
        while not self._stop.is_set():
            progress = read_progress(connection)
            if self._problem:
                logger.info("replica %d is used", self.number)
            self._age, self.position, self._problem = progress.age, progress.position, ""
            self._stop.wait(POLL_SECONDS)

    def _stop_using(self, problem: str) -> None:
        if self._problem != problem:
            logger.warning("replica %d is not used: %s", self.number, problem)
        self.position, self._problem = -1, problem
        self._async_reads.cut()


class Replicas:
    """All replicas of a database."""

    def __init__(
        self, urls: tuple[str, ...], listener: Listener, pools: PoolSettings, slow: SlowQueries
    ) -> None:
        self._listener = listener
        self._all = [
            Replica(number, url, listener, pools, slow) for number, url in enumerate(urls, 1)
        ]
        self._turns = itertools.count()

    def start(self) -> None:
        """Start to watch them. Until they are checked, the primary is read."""
        for replica in self._all:
            replica.start()

    def stop(self) -> None:
        """Stop using them."""
        for replica in self._all:
            replica.request_stop()  # all at once: each may wait for a response
        for replica in self._all:
            replica.stop()

    def close(self) -> None:
        """End all threads and connections."""
        self.stop()
        for replica in self._all:
            replica.close()

    @property
    def states(self) -> list[ReplicaState]:
        """The state of each when it was last checked."""
        return [replica.state for replica in self._all]

    async def fetch(self, plan: Plan, values: list[Any]) -> list[Any] | None:
        """Return the rows of ``plan``; None where no replica is usable and the primary is read."""
        # NOTE(views): nothing notifies of a view's changes under its name.
        tables = plan.reads.tables
        if not plan.reads.of_models or self._choose(tables) is None:
            return None
        if not await self._listener.caught_up():
            return None
        # More notifications arrived meanwhile: only now it is known what the rows must contain.
        replica = self._choose(tables)
        return None if replica is None else await replica.fetch(plan, values)

    def _choose(self, tables: frozenset[str]) -> Replica | None:
        needed = self._listener.notified.positions.of(tables)
        if needed is None:
            return None
        usable = [replica for replica in self._all if replica.position >= needed]
        return usable[next(self._turns) % len(usable)] if usable else None


def read_progress(connection: ControlConnection) -> Progress:
    """Return how far a replica is. Raises ``Unusable`` where it is none."""
    in_recovery, position, age = connection.query(_STATE, seconds=RESPONSE_SECONDS)[0]
    if not in_recovery:
        raise Unusable("it is not a replica: it does not follow a primary")
    return Progress(position if position is not None else -1, age)


def check_identity(connection: ControlConnection, primary: str) -> None:
    """Raise ``Unusable`` where it is another database than the primary's."""
    if not primary:
        raise Unusable("the primary is not known yet")
    if connection.query(IDENTITY, seconds=RESPONSE_SECONDS)[0][0] != primary:
        raise Unusable("it has another database than the primary")


def inspect(urls: tuple[str, ...], primary: str, seconds: float) -> list[ReplicaState]:
    """Return the state of each replica at this moment."""
    with ControlConnection(primary, "changemaker doctor", seconds) as connection:
        identity = connection.query(IDENTITY, seconds=seconds)[0][0]
        position = connection.query(WHERE, seconds=seconds)[0][0]
    states = []
    for number, url in enumerate(urls, 1):
        try:
            with ControlConnection(url, "changemaker doctor", seconds) as connection:
                check_identity(connection, identity)
                lag = read_progress(connection).lag(position)
        except (psycopg2.Error, Unusable) as error:
            states.append(ReplicaState(number, host_of(url), " ".join(str(error).split())))
        else:
            states.append(ReplicaState(number, host_of(url), lag=lag))
    return states


def host_of(url: str) -> str:
    """Return host and port of an address, without its password."""
    written = psycopg2.extensions.parse_dsn(url)
    return f"{written.get('host', 'localhost')}:{written.get('port', 5432)}"
