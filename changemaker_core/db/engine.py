"""The interface of the two engines, and the choice between them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core.db.dialects import Dialect
    from changemaker_core.db.postgresql.notifications import Tokens
    from changemaker_core.db.postgresql.replicas import Replicas
    from changemaker_core.db.postgresql.settings import PoolSettings
    from changemaker_core.db.reads.plans import Plan
    from changemaker_core.db.reads.streams import Source
    from changemaker_core.db.slow import SlowQueries
    from changemaker_core.db.tracking import Tags
    from changemaker_core.db.work import Work


class Engine(Protocol):
    """Runs work on threads and connections of its own, and compiled reads for event loops."""

    dialect: Dialect
    #: Whether reads and writes are tracked by row where possible; if not, by table.
    row_tags: bool
    #: Logs what takes long.
    slow: SlowQueries

    @property
    def replicas(self) -> Replicas | None:
        """Where compiled queries may be read instead, if anywhere."""

    def read(self, work: Work) -> None:
        """Run ``work`` where it cannot write; in one snapshot if it is ``whole``."""

    def write(self, work: Work) -> None:
        """Run ``work`` in one transaction; its caller gets the result after the commit."""

    def is_unavailable(self, error: BaseException) -> bool:
        """Return whether ``error``, caught in a unit of work that writes, is the database's, which
        cannot be used now. ``DatabaseUnavailable`` is raised only outside of the unit."""

    def fetch_now(self, plan: Plan, values: list[Any]) -> list[Any] | None:
        """Return the plan's rows, read on the calling thread; None where that cannot be done."""

    async def fetch(self, plan: Plan, values: list[Any]) -> list[Any]:
        """Return the plan's rows."""

    def open_stream(self, plan: Plan, values: list[Any], seconds: float) -> Source:
        """Return a read of the plan's rows in parts, which takes ``seconds`` at most."""

    def check(self) -> Tags:
        """Return what other processes wrote since the last call; None: anything may be written."""

    async def latest_tokens(self) -> Tokens | None:
        """Return the token of the last commit on each channel, up to now: a commit that returned
        anywhere before this call is included. None where notifications are not available."""

    def watch(self) -> None:
        """Begin to listen to other processes. Blocks until nothing more can be missed."""

    def unwatch(self) -> None:
        """Stop listening."""

    def exclusive(self) -> Any:
        """Return a context manager: a connected peewee database, alone among all processes that
        migrate. The connection belongs to the calling thread."""

    def shared(self) -> Any:
        """Return a context manager: a connected peewee database for looking at the schema."""

    def close(self) -> None:
        """Finish what was submitted and end all threads and connections."""


def open_engine(
    url: str,
    notify: Callable[[Tags], None],
    read_urls: tuple[str, ...] = (),
    pools: PoolSettings | None = None,
) -> Engine:
    """Return the engine for a URL. Raises ``ValueError`` for a URL that it does not know."""
    if url.startswith(("postgresql://", "postgres://")):
        from changemaker_core.db.postgresql.engine import PostgresqlEngine
        from changemaker_core.db.postgresql.settings import PoolSettings

        replicas = tuple(map(_postgresql, read_urls))
        return PostgresqlEngine(_postgresql(url), notify, replicas, pools or PoolSettings())
    if read_urls:
        raise ValueError("read replicas (read_urls) need PostgreSQL")
    if url.startswith("sqlite:///") and url.removeprefix("sqlite:///") not in ("", ":memory:"):
        from changemaker_core.db.sqlite.engine import SqliteEngine

        path = Path(unquote(url.removeprefix("sqlite:///")))
        return SqliteEngine(path.absolute(), notify)
    raise ValueError(f"a database URL is sqlite:///<path> or postgresql://…, not {url!r}")


def _postgresql(url: str) -> str:
    return "postgresql" + url[url.index("://") :]
