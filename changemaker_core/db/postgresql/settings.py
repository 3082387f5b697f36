"""How many connections to PostgreSQL a process has, and how long it waits for them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PoolSettings:
    """The pools of one process: of threads, and of each event loop for each server it reads from.

    Times are in seconds. See ``Config`` for the meaning of each.
    """

    threads: int = 8
    read_connections: int = 8
    idle_seconds: float = 300
    read_seconds: float = 30
    prepare: bool = True
