"""Read replicas: used for a read only where nothing newer is on the primary.

Before a replica is used, a process makes sure that it has heard of every commit that anybody was
told of (``Listener.caught_up``), and knows a position of the primary's log behind the last change
of each table that is read. A replica that has replayed that far answers as the primary would. So
nobody is shown anything old, not even who wrote through another process on another machine.
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
from changemaker_core.db.postgresql.link import Link
from changemaker_core.db.postgresql.listener import IDENTITY, WHERE

if TYPE_CHECKING:
    from changemaker_core.db.postgresql.listener import Listener
    from changemaker_core.db.postgresql.settings import PoolSettings
    from changemaker_core.db.reads.plans import Plan

logger = logging.getLogger(__name__)

#: How often a replica is asked how far it is, and how long its answer may take.
POLL_SECONDS = 0.25
ANSWER_SECONDS = 0.5
#: How long a connection to a replica may take to be opened, before the primary is read.
CONNECT_SECONDS = 1.0
#: How many seconds a replica may be behind before somebody should know.
ALLOWED_LAG = 5.0
_STOP_SECONDS = 10.0
_STATE = (
    "SELECT pg_is_in_recovery(), pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint,"
    " EXTRACT(EPOCH FROM now() - pg_last_xact_replay_timestamp())::float8"
)


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """How a replica was last seen.

    ``trouble`` says why it is not used at all; ``lag`` is how many seconds it is behind the
    primary, as far as can be told.
    """

    number: int
    host: str
    trouble: str = ""
    lag: float = 0.0

    @property
    def concern(self) -> str:
        """What an operator should know of; empty where all is well."""
        if self.trouble or self.lag <= ALLOWED_LAG:
            return self.trouble
        return f"it is {self.lag:.0f} s behind the primary"


@dataclass(frozen=True, slots=True)
class Sighting:
    """An answer of a replica: the position that it has replayed, and how old the last commit in it
    is in seconds (None where there was none yet)."""

    position: int
    age: float | None

    def lag(self, primary: int) -> float:
        """Seconds behind a primary that is at the position ``primary``."""
        return (self.age or 0.0) if self.position < primary else 0.0


class Unfit(Exception):
    """A server that answers, and cannot stand in for the primary."""


class Replica:
    """One replica: a thread that watches it, and the connections that it is read through."""

    def __init__(self, number: int, url: str, listener: Listener, pools: PoolSettings) -> None:
        self.number = number
        self._url = url
        self._listener = listener
        self._async_reads = AsyncReads(url, pools, CONNECT_SECONDS, repeats=False)
        self._watcher: threading.Thread | None = None
        self._stop = threading.Event()
        #: The position it has replayed; -1 while it is not to be used.
        self.position = -1
        self._age: float | None = None
        self._trouble = "not looked at yet"

    @property
    def state(self) -> ReplicaState:
        """How it was last seen."""
        lag = Sighting(self.position, self._age).lag(self._listener.heard.positions.latest)
        return ReplicaState(self.number, host_of(self._url), self._trouble, lag)

    def start(self) -> None:
        """Begin to watch it."""
        self._stop.clear()
        self._watcher = threading.Thread(
            target=self._watch, name=f"replica-{self.number}-watch", daemon=True
        )
        self._watcher.start()

    def ask_to_stop(self) -> None:
        """Have the watch end soon."""
        self._stop.set()

    def stop(self) -> None:
        """Stop watching and using it."""
        self.ask_to_stop()
        if self._watcher is not None:
            self._watcher.join(_STOP_SECONDS)
            self._watcher = None
        self.position = -1

    def close(self) -> None:
        """End its thread and connections."""
        self.stop()
        self._async_reads.close()

    async def fetch(self, plan: Plan, values: list[Any]) -> list[Any] | None:
        """What it answers to ``plan``; None where that goes wrong: ask the primary."""
        try:
            return await self._async_reads.fetch(plan, values)
        except peewee.PeeweeException as error:
            # Lost, or cancelled by what it has to replay; and what is wrong with the statement
            # itself, the primary will say as well.
            logger.info("a read of replica %d goes to the primary: %s", self.number, error)
            return None

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                with Link(self._url, "changemaker replica watch", ANSWER_SECONDS) as link:
                    self._watch_link(link)
            except (psycopg2.Error, Unfit) as error:
                self._give_up(" ".join(str(error).split()))
            self._stop.wait(POLL_SECONDS * 2)

    def _watch_link(self, link: Link) -> None:
        check_identity(link, self._listener.identity)
        while not self._stop.is_set():
            seen = look(link)
            if self._trouble:
                logger.info("replica %d can be read from", self.number)
            self._age, self.position, self._trouble = seen.age, seen.position, ""
            self._stop.wait(POLL_SECONDS)

    def _give_up(self, trouble: str) -> None:
        if self._trouble != trouble:
            logger.warning("replica %d is not used: %s", self.number, trouble)
        self.position, self._trouble = -1, trouble
        self._async_reads.cut()


class Replicas:
    """All replicas of a database."""

    def __init__(self, urls: tuple[str, ...], listener: Listener, pools: PoolSettings) -> None:
        self._listener = listener
        self._all = [Replica(number, url, listener, pools) for number, url in enumerate(urls, 1)]
        self._turns = itertools.count()

    def start(self) -> None:
        """Begin to watch them. Until they are known, the primary is read."""
        for replica in self._all:
            replica.start()

    def stop(self) -> None:
        """Stop using them."""
        for replica in self._all:
            replica.ask_to_stop()  # all at once: each may be waiting for an answer
        for replica in self._all:
            replica.stop()

    def close(self) -> None:
        """End all threads and connections."""
        self.stop()
        for replica in self._all:
            replica.close()

    @property
    def states(self) -> list[ReplicaState]:
        """How each was last seen."""
        return [replica.state for replica in self._all]

    async def fetch(self, plan: Plan, values: list[Any]) -> list[Any] | None:
        """What a replica answers to ``plan``. None: none may answer, ask the primary."""
        # NOTE(views): nothing notifies of a view's changes under its name.
        tables = plan.reads.tables
        if not plan.reads.of_models or self._fit_for(tables) is None:
            return None
        if not await self._listener.caught_up():
            return None
        # Meanwhile more was heard of: only now it is known what the answer must contain.
        replica = self._fit_for(tables)
        return None if replica is None else await replica.fetch(plan, values)

    def _fit_for(self, tables: frozenset[str]) -> Replica | None:
        needed = self._listener.heard.positions.of(tables)
        if needed is None:
            return None
        fit = [replica for replica in self._all if replica.position >= needed]
        return fit[next(self._turns) % len(fit)] if fit else None


def look(link: Link) -> Sighting:
    """How far a replica is. Raises ``Unfit`` where it is none."""
    in_recovery, position, age = link.ask(_STATE, seconds=ANSWER_SECONDS)[0]
    if not in_recovery:
        raise Unfit("it is not a replica: it does not follow a primary")
    return Sighting(position if position is not None else -1, age)


def check_identity(link: Link, primary: str) -> None:
    """Raises ``Unfit`` where it is another database than the primary's."""
    if not primary:
        raise Unfit("the primary is not known yet")
    if link.ask(IDENTITY, seconds=ANSWER_SECONDS)[0][0] != primary:
        raise Unfit("it holds another database than the primary")


def inspect(urls: tuple[str, ...], primary: str, seconds: float) -> list[ReplicaState]:
    """How each replica is at this moment, for an operator who asks."""
    with Link(primary, "changemaker doctor", seconds) as link:
        identity = link.ask(IDENTITY, seconds=seconds)[0][0]
        position = link.ask(WHERE, seconds=seconds)[0][0]
    states = []
    for number, url in enumerate(urls, 1):
        try:
            with Link(url, "changemaker doctor", seconds) as link:
                check_identity(link, identity)
                lag = look(link).lag(position)
        except (psycopg2.Error, Unfit) as error:
            states.append(ReplicaState(number, host_of(url), " ".join(str(error).split())))
        else:
            states.append(ReplicaState(number, host_of(url), lag=lag))
    return states


def host_of(url: str) -> str:
    """Host and port of an address, without its password."""
    written = psycopg2.extensions.parse_dsn(url)
    return f"{written.get('host', 'localhost')}:{written.get('port', 5432)}"
