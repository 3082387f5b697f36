"""Whether the site is well: every check's answer, with its time."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from changemaker_core.jobs import holds

if TYPE_CHECKING:
    from changemaker_core import HealthCheck, Site

log = logging.getLogger(__name__)

#: Seconds after which a check that has not answered has failed.
DEADLINE: Final = 5.0
#: Seconds for which an answer is kept, so that watching costs little however many watch.
KEPT_FOR: Final = 1.0

CheckStatus = Literal["ok", "warning", "failed"]


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """One check: its name, its answer, and how long it took in milliseconds."""

    name: str
    status: CheckStatus
    ms: float


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The whole: ``ok`` when no check has failed; the site can do without what only warns."""

    status: Literal["ok", "failed"]
    checks: list[CheckResult]


@dataclass(frozen=True, slots=True)
class _Kept:
    health: Health
    until: float


class HealthChecks:
    """Core's checks and the plugins'."""

    def __init__(self, site: Site) -> None:
        self._site = site
        contributed = site.call_hook("operations_register_health_checks", site=site)
        self._checks: list[HealthCheck] = [c.item for c in contributed]
        self._kept: _Kept | None = None
        self._one_at_a_time = asyncio.Lock()

    async def run(self) -> Health:
        """Runs every check, side by side; an answer under a second old is given again."""
        async with self._one_at_a_time:
            if self._kept is None or self._kept.until < time.monotonic():
                health = await self._run_all()
                self._kept = _Kept(health, time.monotonic() + KEPT_FOR)
            return self._kept.health

    async def _run_all(self) -> Health:
        results = await asyncio.gather(*map(self._run_one, self._checks))
        well = not any(result.status == "failed" for result in results)
        return Health(status="ok" if well else "failed", checks=results)

    async def _run_one(self, check: HealthCheck) -> CheckResult:
        began = time.perf_counter()
        status: CheckStatus = "ok"
        try:
            async with asyncio.timeout(DEADLINE):
                await check.check(self._site)
        # Whatever a plugin's check raises is its answer; what it says goes to the operator's log,
        # not to whoever asks.
        except Exception as error:
            if check.critical:
                log.exception("health check failed", extra={"check": check.name})
            else:  # a warning may stand for days: one line each time
                log.warning("health check %s: %s", check.name, error)
            status = "failed" if check.critical else "warning"
        ms = round((time.perf_counter() - began) * 1000, 3)
        return CheckResult(name=check.name, status=status, ms=ms)


async def database_answers(site: Site) -> None:
    """The database answers, and not only from a cache."""
    await site.db.read(_select_one)


async def no_queue_is_held(site: Site) -> None:
    """No jobs wait for an operator. Everything works while they do, so this is not critical."""
    if held := [hold.queue for hold in await site.db.all(holds())]:
        raise RuntimeError(f"held queues wait to be released: {', '.join(held)}")


def _select_one() -> None:
    from changemaker_core import Model

    Model._meta.database.execute_sql("SELECT 1").fetchall()


def replica_check(number: int) -> HealthCheck:
    """Whether a read replica can be read from. Without it the primary is, so it is not critical."""
    from changemaker_core import HealthCheck

    async def is_read_from(site: Site) -> None:
        replicas = site.db.engine.replicas
        state = replicas.states[number - 1] if replicas is not None else None
        if state is not None and state.concern:
            raise RuntimeError(f"replica {number} ({state.host}): {state.concern}")

    return HealthCheck(f"replica {number}", is_read_from, critical=False)


async def redis_answers(site: Site) -> None:
    """Redis can be told of jobs. Without it they wait, so this is not critical."""
    if site.config.redis_url is not None:
        await asyncio.to_thread(_ping, site.config.redis_url)


def _ping(url: str) -> None:
    from changemaker_core.shared.connection import connect

    with connect(url) as client:
        client.ping()
