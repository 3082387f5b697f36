"""Health checks: run for ``/api/health``, each with its result and duration."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from changemaker_core.jobs import holds
from changemaker_core.trouble import Trouble, without_credentials

if TYPE_CHECKING:
    from changemaker_core import HealthCheck, Site, Tx

log = logging.getLogger(__name__)

#: Seconds after which a check that has not returned fails.
TIMEOUT: Final = 5.0
#: Seconds for which a result is reused, so that frequent requests cost little.
MAX_AGE: Final = 1.0
#: Bytes that the disk of a SQLite database, or a quota on it, must have room for.
ROOM: Final = 1 << 20
#: Seconds for which the disk is taken for full after a write has found it so: the next one that is
#: as large would, and what is small may find a place for hours.
FULL_SECONDS: Final = 15.0
#: Bytes of free space below which the disk is reported.
LEAST_FREE: Final = 256 << 20

CheckStatus = Literal["ok", "warning", "failed"]


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one check. ``ms`` is its duration in milliseconds, ``detail`` why it failed."""

    name: str
    status: CheckStatus
    ms: float
    detail: str | None = None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The results of all checks: ``ok`` if no critical one failed."""

    status: Literal["ok", "failed"]
    checks: list[CheckResult]


class ShownHealth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether the site is healthy, and for operators the version of core, for how many seconds the
    process that responds has run, the bytes of its memory, and the result of each check."""

    status: Literal["ok", "failed"]
    version: str | None = None
    uptime_seconds: int | None = None
    memory_bytes: int | None = None
    checks: list[CheckResult] | None = None


class HealthChecks:
    """The health checks of core and plugins."""

    def __init__(self, site: Site) -> None:
        self._site = site
        contributed = site.call_hook("operations_register_health_checks", site=site)
        self._checks: list[HealthCheck] = [c.item for c in contributed]
        self._troubles = {c.name: Trouble(log, f"health check {c.name}") for c in self._checks}
        self._last: tuple[float, Health] | None = None
        self._lock = asyncio.Lock()

    async def run(self) -> Health:
        """Run all checks concurrently, or return a result that is less than a second old."""
        async with self._lock:
            if self._last is None or self._last[0] + MAX_AGE < time.monotonic():
                results = await asyncio.gather(*map(self._run_one, self._checks))
                failed = any(result.status == "failed" for result in results)
                health = Health(status="failed" if failed else "ok", checks=results)
                self._last = (time.monotonic(), health)
            return self._last[1]

    async def _run_one(self, check: HealthCheck) -> CheckResult:
        began = time.perf_counter()
        status: CheckStatus = "ok"
        detail = None
        try:
            async with asyncio.timeout(TIMEOUT):
                await check.check(self._site)
        # Any exception is a failure. Its text is for operators alone.
        except Exception as error:
            self._troubles[check.name].failed(error, traceback=check.critical)
            status = "failed" if check.critical else "warning"
            detail = " ".join(without_credentials(f"{type(error).__name__}: {error}").split())
        else:
            self._troubles[check.name].passed()
        ms = round((time.perf_counter() - began) * 1000, 3)
        return CheckResult(name=check.name, status=status, ms=ms, detail=detail)


#: When this process began, as far as it matters to operators.
_STARTED: Final = time.monotonic()


def shown_to_operators(health: Health, version: str) -> ShownHealth:
    """Return the health of the site, with what operators see beside it."""
    return ShownHealth(
        status=health.status,
        version=version,
        uptime_seconds=int(time.monotonic() - _STARTED),
        memory_bytes=_memory(),
        checks=health.checks,
    )


def _memory() -> int | None:
    """Return the bytes of memory that this process occupies; ``None`` outside of Linux."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


async def check_database(site: Site) -> None:
    """Write a row, and look for room for more: a database whose disk is full still reads well."""
    await site.db.write(_write_row)
    failed_at = site.db.disk_failed_at
    if failed_at is not None and time.monotonic() - failed_at < FULL_SECONDS:
        raise RuntimeError("a write has just found no room on the database's disk")
    if site.db.dialect == "sqlite":
        path = Path(site.config.database_url.removeprefix("sqlite:///"))
        await asyncio.to_thread(_reserve, path.resolve().parent)


def _reserve(folder: Path) -> None:
    """Raise ``OSError`` where there is no room for ``ROOM``: a row fits where a letter does not."""
    with tempfile.TemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, ROOM)
        else:  # macOS
            file.write(bytes(ROOM))
            file.flush()


async def check_disk(site: Site) -> None:
    """Fail where little space is left. Not critical: what needs none still works."""
    for folder in site.config.disks().values():
        free = shutil.disk_usage(folder).free
        if free < LEAST_FREE:
            raise RuntimeError(f"{free >> 20} MiB are free on the disk of {folder}")


async def check_queues(site: Site) -> None:
    """Fail if a queue is held. Not critical: everything else works."""
    if held := await site.db.all(holds()):
        each = ", ".join(f"{hold.queue} ({hold.reason})" for hold in held)
        raise RuntimeError(f"queues are held: {each}")


def _write_row(tx: Tx) -> None:
    # No commit has the number 0, so that the row says nothing to those who read versions.
    tx.database.cursor().execute(
        "INSERT INTO core_table_version (name, version) VALUES ('health check', 0)"
        " ON CONFLICT (name) DO UPDATE SET version = excluded.version"
    )
    tx.wrote()


def replica_check(number: int) -> HealthCheck:
    """Return the check of a read replica. Not critical: the primary is read instead."""
    from changemaker_core import HealthCheck

    async def check(site: Site) -> None:
        replicas = site.db.engine.replicas
        state = replicas.states[number - 1] if replicas is not None else None
        if state is not None and state.concern:
            raise RuntimeError(f"replica {number} ({state.host}): {state.concern}")

    return HealthCheck(f"replica {number}", check, critical=False)


async def check_redis(site: Site) -> None:
    """Connect to Redis. Not critical: without it, jobs wait."""
    if site.config.redis_url is not None:
        await asyncio.to_thread(_ping, site.config.redis_url)


def _ping(url: str) -> None:
    from changemaker_core.shared.connection import connect

    with connect(url) as client:
        client.ping()
