"""How many connections to PostgreSQL a process has, and how long it waits for them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PoolSettings:
    """The pools of one process: of threads, and of each event loop for each server it reads from.

    Times are in seconds.
    """

    #: Threads for units of work, each with a connection.
    threads: int = 8
    #: Connections of an event loop to the primary, and to each replica.
    loop_connections: int = 8
    #: How long a connection stays open that nothing uses.
    idle_seconds: float = 300.0
    #: How long a compiled read in the event loop may take.
    read_seconds: float = 30.0
    #: Whether compiled reads are prepared statements; not behind a pooler of transactions.
    prepare: bool = True
