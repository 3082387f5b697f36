"""What jobs need of a site, which is a room above them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from pathlib import Path

    from changemaker_core.db import Database
    from changemaker_core.jobs.outbox import Outbox
    from changemaker_core.plugin.types import Job, Subscription


class JobSite(Protocol):
    """The part of a ``Site`` that the outbox and the executor use."""

    @property
    def db(self) -> Database:
        """Where the outbox is."""

    @property
    def jobs(self) -> Outbox:
        """The way in, and its bell."""

    @property
    def clock(self) -> Callable[[], datetime]:
        """The time, as an aware datetime in UTC."""

    @property
    def run_folder(self) -> Path:
        """Where this machine's processes note what they do; it may not be there yet."""

    def job(self, name: str) -> Job | None:
        """The job of this name, subscriptions' and core's own included."""

    def job_names(self) -> Iterable[str]:
        """All of their names."""

    def subscriptions(self, event: str) -> Iterable[Subscription]:
        """Who wants to hear of ``event``."""
