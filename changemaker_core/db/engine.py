"""What the façade asks of an engine: one class for each database behind the same few methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from changemaker_core.db.context import Tables
    from changemaker_core.db.dialects import Dialect
    from changemaker_core.db.postgresql.replicas import Replicas
    from changemaker_core.db.reads.plans import Plan
    from changemaker_core.db.tracking.notifications import Tokens
    from changemaker_core.db.work import Work


class Engine(Protocol):
    """Runs work on threads and connections of its own, and compiled reads for event loops."""

    dialect: Dialect

    @property
    def replicas(self) -> Replicas | None:
        """Where compiled queries may be read instead, if anywhere."""

    def read(self, work: Work) -> None:
        """Run ``work`` where it cannot write; in one snapshot if it is ``whole``."""

    def write(self, work: Work) -> None:
        """Run ``work`` in one transaction; its answer is handed over after the commit."""

    def attempt(self, plan: Plan, values: list[Any]) -> list[Any] | None:
        """The plan's rows, at once, on the calling thread; None where that cannot be done."""

    async def answer(self, plan: Plan, values: list[Any]) -> list[Any]:
        """The plan's rows when they are there."""

    def check(self) -> Tables:
        """The tables that other processes wrote since the last call; None: any may be."""

    async def hear(self) -> Tokens | None:
        """The tokens of the last change of each table, once every commit was heard of that anybody
        was told of. None where other processes cannot be heard of in that way."""

    def watch(self) -> None:
        """Begin to hear of other processes' writes. Blocks until nothing more can be missed."""

    def unwatch(self) -> None:
        """Stop hearing of them."""

    def exclusive(self) -> Any:
        """A context manager: a connected peewee database, alone among all processes that migrate.

        The connection belongs to the calling thread.
        """

    def peek(self) -> Any:
        """A context manager: a connected peewee database for looking at the schema."""

    def close(self) -> None:
        """Finish what was submitted and end all threads and connections."""
