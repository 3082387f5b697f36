"""Health, metrics and queues over HTTP."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from changemaker_core import (
    Body,
    Conflict,
    CursorQuery,
    Cursors,
    NotFound,
    Paginated,
    SingleLine,
    Text,
    Unavailable,
    endpoint,
    paginate,
)
from changemaker_core.features.operations import queues
from changemaker_core.features.operations.access import OperatorAccess
from changemaker_core.features.operations.health import ShownHealth, shown_to_operators
from changemaker_core.features.operations.machine import machine_metrics
from changemaker_core.features.operations.metrics import health_metric
from changemaker_core.jobs import (
    REASONS,
    Hold,
    JobDetail,
    JobState,
    JobView,
    QueueDepth,
    cancel_job,
    holds,
    job_detail,
    jobs,
    queue_depths,
)

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Site
    from changemaker_core.features.operations.health import HealthChecks

log = logging.getLogger(__name__)


class Alive(msgspec.Struct, frozen=True):
    """The process responds."""

    status: str = "ok"


class HeldQueue(Hold, frozen=True):
    """A held queue. ``message`` is the reason in the language of the request."""

    message: str


class Queues(msgspec.Struct, frozen=True):
    """The number of jobs by queue and state, and the held queues, whose jobs do not run."""

    data: list[QueueDepth]
    held: list[HeldQueue]


class Holding(Body, frozen=True, kw_only=True):
    """Why a queue is held, in the operator's own words, shown with the queue."""

    note: Annotated[SingleLine, Meta(max_length=queues.LONGEST_NOTE)] = ""


class JobQuery(CursorQuery, frozen=True, kw_only=True):
    """Filters of the list of jobs."""

    queue: str | None = None
    state: JobState | None = None


class HealthResource:
    """``/api/health`` and ``/api/health/ready``"""

    def __init__(self, site: Site, checks: HealthChecks) -> None:
        self._checks = checks
        self._access = OperatorAccess(site)
        self._version = next(plugin.version for plugin in site.plugins() if plugin.core) or ""

    @endpoint(public=True, response=ShownHealth)
    async def on_get(self, req: Request, resp: Response) -> ShownHealth:
        """Run the health checks. The status is 503 if a critical one fails.

        Operators see the version, uptime, memory and each check: from the networks of
        `metrics_access`, with `metrics_token`, or with the permission `operations.health.read`.
        """
        health = await self._checks.run()
        if health.status != "ok":
            resp.status = 503
        if self._access.allows(req):
            return shown_to_operators(health, self._version)
        return ShownHealth(status=health.status)


class LiveResource:
    """``/api/health/live``"""

    @endpoint(public=True, response=Alive)
    async def on_get(self, req: Request, resp: Response) -> Alive:
        """Respond as long as the process runs."""
        return Alive()


class MetricsResource:
    """``/api/metrics``"""

    def __init__(self, site: Site, checks: HealthChecks) -> None:
        self._site = site
        self._checks = checks
        self._access = OperatorAccess(site)

    @endpoint(
        public=True,
        produces="text/plain; version=0.0.4; charset=utf-8",
        responses={
            403: "Neither address, token nor permission is an operator's.",
            503: "The processes' metrics cannot be added up at the moment.",
        },
    )
    async def on_get(self, req: Request, resp: Response) -> bytes:
        """Metrics for Prometheus, merged over all processes.

        Open to the networks of `metrics_access`, and with `metrics_token` as a bearer token or the
        permission `operations.health.read`; 403 for others.
        """
        self._access.require(req)
        health = health_metric(await self._checks.run())
        try:
            return await self._site.metrics.exposition(health, *await machine_metrics(self._site))
        except TimeoutError as error:
            log.warning("the metrics of all processes cannot be added up: %s", error)
            raise Unavailable(code="metrics_locked") from error


class JobsResource:
    """``/api/jobs``"""

    def __init__(self, site: Site) -> None:
        self._db = site.db
        self._cursors = Cursors(site.signer("operations.jobs"))

    @endpoint(permission="operations.jobs.read", query=JobQuery, response=Paginated[JobView])
    async def on_get(self, req: Request, resp: Response, *, query: JobQuery) -> Paginated[JobView]:
        """List waiting and running jobs and those of the last days, newest first."""
        after = self._cursors.after(query)
        wanted = jobs(
            queue=query.queue,
            state=query.state,
            before=after[0] if after else None,
            limit=query.limit + 1,
            offset=query.offset,
        )
        rows = await self._db.all(wanted)
        total = await self._db.count(jobs(queue=query.queue, state=query.state))
        return paginate(rows, query, total, cursor=lambda last: self._cursors.write(last.id))


class JobResource:
    """``/api/jobs/{id}``"""

    def __init__(self, site: Site) -> None:
        self._db = site.db

    @endpoint(permission="operations.jobs.read", response=JobDetail)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> JobDetail:
        """One job, with the number of jobs that start before it."""
        detail = await self._db.read(job_detail, id)
        if detail is None:
            raise NotFound
        return detail


class CancelledJobResource:
    """``/api/jobs/{id}/cancel``"""

    def __init__(self, site: Site) -> None:
        self._db = site.db

    @endpoint(permission="operations.jobs.manage", response=JobDetail, status=202)
    async def on_post(self, req: Request, resp: Response, *, id: str) -> JobDetail:
        """Ask for a job to be cancelled. One that runs ends when it next looks for that."""
        detail = await self._db.write(cancel_job, id)
        if detail is None:
            raise NotFound
        if detail.finished_at is not None:
            raise Conflict(Text("This job has already finished."), code="job_finished")
        job = req.site.job(detail.name)
        if job is not None and not job.cancellable:
            raise Conflict(
                Text("This job cannot be cancelled: it protects an account."),
                code="job_not_cancellable",
            )
        return detail


class QueuesResource:
    """``/api/queues``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(permission="operations.jobs.read", response=Queues)
    async def on_get(self, req: Request, resp: Response) -> Queues:
        """Count the jobs of each queue by state, and list the held queues."""
        held = [self._described(hold, req.locale) for hold in await self._site.db.all(holds())]
        return Queues(data=await self._site.db.all(queue_depths()), held=held)

    def _described(self, hold: Hold, locale: str) -> HeldQueue:
        message = self._site.translations.translate(REASONS[hold.reason], locale)
        return HeldQueue(**msgspec.structs.asdict(hold), message=message)


class HoldQueueResource:
    """``/api/queues/{slug}/hold``"""

    @endpoint(permission=queues.MANAGE, body=Holding, status=204)
    async def on_post(self, req: Request, resp: Response, *, slug: str, body: Holding) -> None:
        """Start no more jobs of a queue. Jobs that are past their point of no return finish."""
        await req.site.db.write(queues.hold, req.site, slug, body.note)


class ReleaseQueueResource:
    """``/api/queues/{slug}/release``"""

    @endpoint(permission=queues.MANAGE, status=204)
    async def on_post(self, req: Request, resp: Response, *, slug: str) -> None:
        """Run the jobs of a held queue again."""
        await req.site.db.write(queues.release, req.site, slug)


class TryQueueResource:
    """``/api/queues/{slug}/try``"""

    @endpoint(permission=queues.MANAGE, status=204)
    async def on_post(self, req: Request, resp: Response, *, slug: str) -> None:
        """Try one job of a queue that is held because of a server. A success releases it."""
        await req.site.db.write(queues.try_one, slug)
