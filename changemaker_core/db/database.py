"""A site's database: units of work, compiled queries, and notification of changes."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import math
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

import peewee

from changemaker_core.db.context import Unit, current_unit
from changemaker_core.db.engine import open_engine
from changemaker_core.db.errors import BlockingCall, DatabaseDiskFailed, NestedUnitOfWork
from changemaker_core.db.ids import utcnow
from changemaker_core.db.reads.streams import Streams
from changemaker_core.db.tracking import NOTHING, Changes
from changemaker_core.db.work import Work
from changemaker_core.db.writes import BulkInsert
from changemaker_core.db.writes.locks import lock
from changemaker_core.identity.actor import current_actor
from changemaker_core.identity.origin import current_request_id
from changemaker_core.plugin.places import calling_place
from changemaker_core.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Callable,
        Collection,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )
    from datetime import datetime

    from changemaker_core.db.dialects import Dialect
    from changemaker_core.db.engine import Engine
    from changemaker_core.db.postgresql.settings import PoolSettings
    from changemaker_core.db.reads import Bound
    from changemaker_core.db.reads.plans import Plan
    from changemaker_core.db.writes import OnConflict
    from changemaker_core.identity.actor import Actor

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")


class NamedJob(Protocol):
    """A job, as far as a transaction has to know it."""

    @property
    def name(self) -> str:
        """``petitions.thank``."""


class Effects(Protocol):
    """The outbox, to which a transaction's effects are written."""

    def enqueue(
        self,
        tx: Tx,
        job: NamedJob | str,
        payload: Mapping[str, Any],
        *,
        due_at: datetime | None = None,
        key: str | None = None,
        lane: str | None = None,
    ) -> str:
        """Record a job in the transaction, and return its id."""

    def cancel(self, tx: Tx, job_id: str) -> bool:
        """Record that a job is to be cancelled; return False if it has finished."""

    def is_cancellable(self, name: str) -> bool:
        """Return whether operators may cancel the jobs of this name."""

    def emit(self, tx: Tx, event: str, payload: Mapping[str, Any]) -> None:
        """Record an event in the transaction, once for each subscriber."""

    def apply(self, tx: Tx, deferred: Sequence[Any]) -> None:
        """Do what was deferred to the end of the transaction."""


class Recorder(Protocol):
    """The audit log, in which a transaction records what it does."""

    def record(
        self,
        tx: Tx,
        action: str,
        object_id: str,
        *,
        label: str,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any] | None,
        person: str,
        personal: Collection[str],
        secret: Collection[str],
    ) -> None:
        """Insert an entry in the transaction."""


class Tx:
    """A running transaction: it enqueues jobs, emits events, records changes in the audit log, and
    gives rows their time and actor.

    ``now`` is one aware UTC moment for the whole transaction; ``actor`` is who is acting.
    """

    __slots__ = ("_depth", "_unit", "actor", "db", "deferred", "now")

    def __init__(self, db: Database, unit: Unit) -> None:
        self.db = db
        self.now: datetime = db.clock()
        self.actor: Actor | None = current_actor.get()
        self._unit = unit
        self._depth = 0
        #: Effects that are done last in the transaction, since they lock what others wait for.
        self.deferred: list[Any] = []

    def enqueue(
        self,
        job: NamedJob | str,
        payload: Mapping[str, Any],
        *,
        due_at: datetime | None = None,
        key: str | None = None,
        lane: str | None = None,
    ) -> str:
        """Enqueue ``job`` with ``payload``, and return its id. The job exists once this commits.

        If a job with this ``key`` waits, none is added, and its id is returned. If one is running,
        which may have read its data before this commits, one is added that runs after it. Of two
        transactions that enqueue a key at the same time one adds its job.

        The jobs of a ``lane`` run one at a time, in the order in which they were enqueued; while
        the first is retried, the others wait. Begin its name with the plugin's.
        """
        return self._effects().enqueue(self, job, payload, due_at=due_at, key=key, lane=lane)

    def cancel(self, job_id: str) -> bool:
        """Ask for a job to be cancelled, and return whether it had not finished.

        A job that waits ends as ``cancelled`` without being run. One that is running is asked to
        stop (``run.stopping``), and may still be done if it does not.
        """
        return self._effects().cancel(self, job_id)

    def is_cancellable(self, name: str) -> bool:
        """Return whether operators may cancel the jobs of this name."""
        return self._effects().is_cancellable(name)

    def emit(self, event: str, payload: Mapping[str, Any]) -> None:
        """Enqueue a job for each subscriber of ``event``. The jobs exist once this commits."""
        self._effects().emit(self, event, payload)

    @property
    def request_id(self) -> str | None:
        """The id of the request that this began with, also through jobs; None where none did."""
        return current_request_id()

    def audit(
        self,
        action: str,
        object_id: str = "",
        *,
        label: str = "",
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        person: str = "",
        personal: Collection[str] = (),
        secret: Collection[str] = (),
    ) -> None:
        """Record in the audit log what this transaction does; the entry exists once this commits.

        ``action`` is ``petitions.petition.changed``: the plugin, the kind of object, what was done.
        ``object_id`` identifies the object, and ``label`` is its name, for a reader. Of ``before``
        and ``after``, fields and their values, those that differ are recorded: give only ``after``
        for what is created, only ``before`` for what is deleted, neither for what has no fields.
        Where both are given and are the same, nothing is recorded.

        ``person`` is whom it is about: the id of a user, or an email address. The label and the
        fields that ``personal`` names are theirs then, and go when they are erased. Of the fields
        that ``secret`` names, only that they were changed is recorded. Who acts, from which network
        and in which request is recorded by itself.

        >>> tx.audit("petitions.petition.changed", id, label=title, before=old, after=new)

        Raises ``ValueError`` for an action of another form.
        """
        if self.db.audit_log is None:
            raise RuntimeError("this database was opened without an audit log")
        self.db.audit_log.record(
            self,
            action,
            object_id,
            label=label,
            before=before,
            after=after,
            person=person,
            personal=personal,
            secret=secret,
        )

    def apply_deferred(self) -> None:
        """Do what was deferred. Called once, after the function of the unit of work."""
        while self.deferred:
            deferred, self.deferred = self.deferred, []
            self._effects().apply(self, deferred)

    def _effects(self) -> Effects:
        if self.db.effects is None:
            raise RuntimeError("this database was opened without effects: there are no jobs here")
        return self.db.effects

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` after the commit, before the caller gets the result.

        It runs on the event loop's thread for ``await db.write``, on a database thread for
        ``db.sync.write``. What it raises is logged. A crash in between loses the call.
        """
        self._unit.after.append(callback)

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[Any]:
        """Return a context manager for a part of the transaction that can fail alone.

        After an error PostgreSQL refuses the rest of a transaction, unless the error is caught
        outside of a savepoint:

        >>> try:
        ...     with tx.savepoint():
        ...         Subscriber.create(email=email)
        ... except IntegrityError:
        ...     pass
        """
        self._depth += 1
        deferred, after = len(self.deferred), len(self._unit.after)
        try:
            # The same name each time, so that the statement's text is known already.
            with peewee._savepoint(self._unit.database, f"part_{self._depth}") as savepoint:
                yield savepoint
        except BaseException:
            del self.deferred[deferred:]
            del self._unit.after[after:]
            raise
        finally:
            self._depth -= 1

    def insert_rows(
        self,
        model: type[peewee.Model],
        columns: Sequence[str | peewee.Field[Any]],
        rows: Iterable[Sequence[Any]],
        on_conflict: OnConflict = "error",
        *,
        key: Sequence[str | peewee.Field[Any]] | None = None,
    ) -> int:
        """Insert many rows, and return how many were inserted or updated.

        ``rows`` has a tuple or list for each row, with values in the order of ``columns``; other
        columns get their defaults. It may be a generator: at most a hundred rows are in memory. A
        row that conflicts with one that exists is an error, is skipped, or updates the columns of
        the row with the same ``key`` (the primary key, unless named). An error has a note with the
        number of its row. Some 10 times as fast as ``create`` for each row. All rows are in this
        transaction, and other writes wait for it: for an import, begin a transaction for each few
        thousand.

        >>> tx.insert_rows(Member, ["email", "name"], rows, "update", key=["email"])
        """
        return BulkInsert(model, columns, on_conflict, key).run(self._unit, rows)

    def lock(self, name: str) -> None:
        """Wait until no other transaction holds the lock ``name``; hold it until this one ends.

        For a rule that no constraint expresses, such as "at most 80 sign-ups": what is counted
        after this call is still true at the commit. On SQLite only one transaction writes at a
        time, and nothing needs to be done. ``name`` begins with the plugin's name.

        >>> tx.lock(f"events.sign-ups:{event_id}")
        """
        lock([name])

    def wrote(self, *tables: type[peewee.Model] | str) -> None:
        """Declare what was written through ``tx.database.connection()`` or ``.cursor()``.

        Statements of the driver are not seen. Without this declaration everything counts as
        written, so that no cached response anywhere is used again. ``tables`` are models or names.

        >>> tx.database.cursor().execute("REINDEX petitions_signature")
        >>> tx.wrote()  # nothing that anyone reads
        """
        self._unit.declare(
            each if isinstance(each, str) else each._meta.table_name for each in tables
        )

    @property
    def database(self) -> peewee.Database:
        """peewee's database, for statements that no model can express."""
        return self._unit.database

    @property
    def dialect(self) -> Dialect:
        """``sqlite`` or ``postgresql``."""
        return self.db.dialect


class Database:
    """One site's database. Opens lazily: threads and connections start with the first use."""

    def __init__(
        self, engine: Engine, changes: Changes, clock: Callable[[], datetime], secret: str
    ) -> None:
        self.engine = engine
        self.changes = changes
        self.clock = clock
        self.effects: Effects | None = None
        self.audit_log: Recorder | None = None
        #: Whether ``sync`` raises ``BlockingCall`` on an event loop, instead of a warning.
        self.refuses_blocking = False
        self.dialect: Dialect = engine.dialect
        self.sync = SyncDatabase(self)
        self.streams = Streams(engine)
        #: When a write last found no room on the disk, or a disk that fails, as ``time.monotonic``.
        self.disk_failed_at: float | None = None
        #: For those who meet an unavailable database, and log it.
        self.trouble = Trouble(logger, "the database is unavailable")
        self._key = hashlib.blake2b(secret.encode(), person=b"cm-db-who").digest()
        changes.attach(engine)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        read_urls: tuple[str, ...] = (),
        pools: PoolSettings | None = None,
        clock: Callable[[], datetime] = utcnow,
        effects: Effects | None = None,
        audit_log: Recorder | None = None,
        secret: str = "",
        row_tags: bool = True,
        slow_seconds: float = 0.0,
    ) -> Database:
        """Return the database at ``url``: ``sqlite:///<path>`` or ``postgresql://…``.

        ``read_urls`` are replicas of a PostgreSQL database, which compiled queries are read from
        while they are up to date; ``pools`` bounds connections to it. ``secret`` keys the hashes
        under which limits store who was counted. Without ``row_tags``, reads and writes are
        tracked by table only. What takes longer than ``slow_seconds`` is logged; with 0, nothing.
        """
        changes = Changes()
        engine = open_engine(url, changes.notify, read_urls, pools)
        engine.row_tags = row_tags
        engine.slow.seconds = slow_seconds or math.inf
        database = cls(engine, changes, clock, secret)
        database.effects = effects
        database.audit_log = audit_log
        return database

    async def read(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``fn(*args)`` on a thread, in one read-only snapshot."""
        self._check_outside()
        work = Work(lambda _: fn(*args, **kwargs), asyncio.get_running_loop(), names=fn)
        self.engine.read(work)
        value: T = await work.future
        return value

    async def write(
        self, fn: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``fn(tx, *args)`` on a thread, in one transaction; return after the commit.

        When the caller is cancelled, a call that has begun is finished, and any other is dropped.
        """
        self._check_outside()
        work = Work(
            partial(_transact, self, fn, args, kwargs),
            asyncio.get_running_loop(),
            writes=True,
            names=fn,
        )
        self.engine.write(work)
        try:
            value: T = await work.future
        except DatabaseDiskFailed:
            self.disk_failed_at = time.monotonic()
            raise
        return value

    async def one(self, bound: Bound[R]) -> R | None:
        """Return the first row of a compiled query, or None."""
        plan, values = bound.prepare(self.dialect)
        rows = await self._rows(plan, values)
        return rows[0] if rows else None

    async def get(self, bound: Bound[R]) -> R:
        """Return the first row of a compiled query. Raises ``RowNotFound``, a 404 of the request.

        >>> event = await req.site.db.get(queries.event(slug=slug))
        """
        plan, values = bound.prepare(self.dialect)
        return bound.first_of(await self._rows(plan, values))

    async def all(self, bound: Bound[R]) -> list[R]:
        """Return all rows of a compiled query."""
        plan, values = bound.prepare(self.dialect)
        return await self._rows(plan, values)

    async def count(self, bound: Bound[Any], limit: int = 10_000) -> int:
        """Return the number of rows without the query's own limit, at most ``limit + 1``."""
        plan, values = bound.prepare_count(self.dialect, limit)
        count: int = (await self._rows(plan, values))[0]
        return count

    async def stream(self, bound: Bound[R]) -> AsyncIterator[R]:
        """Yield all rows of a compiled query, read in parts, for an export of any length.

        The rows are those of one moment. A stream has a connection of its own, to the primary, at
        most four in a process, and ends with ``DatabaseUnavailable`` after ten minutes, since old
        rows cannot be removed meanwhile, nor SQLite's log be emptied.

        >>> async for member in site.db.stream(members()):
        ...     await write(member)
        """
        self._check_outside()
        plan, values = bound.prepare(self.dialect)
        plan.record_tables()
        async with contextlib.aclosing(self.streams.stream(plan, values)) as rows:
            async for row in rows:
                yield row

    async def _rows(self, plan: Plan, values: list[Any]) -> list[Any]:
        try:
            rows = self.engine.fetch_now(plan, values)
            if rows is None:
                self._check_outside()
                rows = await self.engine.fetch(plan, values)
        except BaseException:
            plan.record_tables()
            raise
        return rows

    def _check_outside(self) -> None:
        unit = current_unit.get()
        if unit is not None and unit.owner is self.engine:
            raise NestedUnitOfWork

    def hash_who(self, name: str, who: str) -> str:
        """Return a keyed hash (32 hexadecimal digits) of ``who``, within the scope ``name``."""
        text = f"{name}\0{who}".encode()
        return hashlib.blake2b(text, key=self._key, digest_size=16).hexdigest()

    def close(self) -> None:
        """Finish work that has begun; end threads and connections."""
        self.engine.close()


class SyncDatabase:
    """The methods of ``Database`` for callers that block: jobs, commands, boot."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._blamed: set[str] = set()

    def _check(self) -> None:
        self._database._check_outside()
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return
        mistake = BlockingCall(place := calling_place())
        if self._database.refuses_blocking:
            raise mistake
        if place not in self._blamed:
            self._blamed.add(place)
            logger.warning("%s", mistake)

    def read(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``fn(*args)`` on a database thread, in one snapshot, where it cannot write."""
        self._check()
        work = Work(lambda _: fn(*args, **kwargs), None, names=fn)
        self._database.engine.read(work)
        value: T = work.future.result()
        return value

    def write(self, fn: Callable[Concatenate[Tx, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``fn(tx, *args)`` on a database thread, in one transaction."""
        self._check()
        call = partial(_transact, self._database, fn, args, kwargs)
        work = Work(call, None, writes=True, names=fn)
        self._database.engine.write(work)
        value: T = work.future.result()
        if work.written != NOTHING:
            self._database.changes.notify(work.written)
        return value

    def one(self, bound: Bound[R]) -> R | None:
        """Return the first row of a compiled query, or None."""
        rows = self.all(bound)
        return rows[0] if rows else None

    def get(self, bound: Bound[R]) -> R:
        """Return the first row of a compiled query. Raises ``RowNotFound``."""
        return bound.first_of(self.all(bound))

    def all(self, bound: Bound[R]) -> list[R]:
        """Return all rows of a compiled query."""
        plan, values = bound.prepare(self._database.dialect)
        return self._rows(plan, values)

    def count(self, bound: Bound[Any], limit: int = 10_000) -> int:
        """Return the number of rows without the query's own limit, at most ``limit + 1``."""
        plan, values = bound.prepare_count(self._database.dialect, limit)
        count: int = self._rows(plan, values)[0]
        return count

    def stream(self, bound: Bound[R]) -> Iterator[R]:
        """Yield all rows of a compiled query, read in parts. See ``Database.stream``."""
        self._check()
        plan, values = bound.prepare(self._database.dialect)
        return self._database.streams.stream_sync(plan, values)

    def _rows(self, plan: Plan, values: list[Any]) -> list[Any]:
        self._check()
        work = plan.work(values, None)
        self._database.engine.read(work)
        rows: list[Any] = work.future.result()
        return rows


def _transact(
    database: Database,
    fn: Callable[..., T],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    unit: Unit,
) -> T:
    """Return ``fn(tx, *args)``, and do what it deferred."""
    tx = Tx(database, unit)
    value = fn(tx, *args, **kwargs)
    if tx.deferred:
        tx.apply_deferred()
    return value
