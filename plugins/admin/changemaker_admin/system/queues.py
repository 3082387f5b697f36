"""``/admin/queues``: what waits, runs and failed in each queue."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from changemaker_admin.system.schemas import NoFields
from changemaker_core import (
    EventStream,
    Form,
    NotFound,
    Redirect,
    TemplateResponse,
    Text,
    endpoint,
    flash,
)
from changemaker_core.features.operations import api

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from changemaker_core import Request, Response, Site, Tx

PATH = "/admin/queues"
#: Seconds between two looks at queues in which much happens.
INTERVAL = 2.0
_RUNNING = ("running", "at_risk")


class Queue(msgspec.Struct, kw_only=True):
    """A queue: how many of its jobs are in each state, since when the oldest waits, its hold."""

    name: str
    waiting: int = 0
    running: int = 0
    dead: int = 0
    unknown: int = 0
    oldest: datetime | None = None
    hold: api.Hold | None = None


class QueuesPage:
    """``/admin/queues``"""

    @endpoint(permission=api.JOBS_READ)
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """All queues of the site."""
        context = {"queues": await queues_of(req.site), "reasons": api.REASONS}
        return TemplateResponse("admin/system/queues.html", context)


class LiveQueues:
    """``/admin/queues/live``"""

    @endpoint(permission=api.JOBS_READ)
    async def on_get(self, req: Request, resp: Response) -> EventStream:
        """Send the table of queues again whenever something happens in one."""
        return EventStream(_tables(req))


class RetryFailedPage:
    """``/admin/queues/{slug}/retry``"""

    @endpoint(permission=api.JOBS_MANAGE, form=NoFields)
    async def on_post(
        self, req: Request, resp: Response, *, slug: str, form: Form[NoFields]
    ) -> Redirect:
        """Run the failed jobs of a queue again."""

        def retry(tx: Tx) -> None:
            count = api.retry_dead_jobs(tx, slug)
            flash(tx, req, Text("Jobs that run again: {count}.", count=count))

        await _queue_of(req, slug)
        await req.site.db.write(retry)
        return Redirect(f"{PATH}/{slug}")


async def queues_of(site: Site) -> list[Queue]:
    """Return the queues of the site's jobs, and others in which jobs are left; held ones first."""
    found = {name: Queue(name=name) for name in api.queue_names(site)}
    for depth in await site.db.all(api.queue_depths()):
        queue = found.setdefault(depth.queue, Queue(name=depth.queue))
        if depth.state == "queued":
            queue.waiting, queue.oldest = depth.jobs, depth.oldest
        elif depth.state in _RUNNING:
            queue.running += depth.jobs
        elif depth.state in ("dead", "unknown"):
            setattr(queue, depth.state, depth.jobs)
    for hold in await site.db.all(api.holds()):
        found.setdefault(hold.queue, Queue(name=hold.queue)).hold = hold
    return sorted(found.values(), key=lambda each: (each.hold is None, each.name))


async def _tables(req: Request) -> AsyncIterator[str]:
    site = req.site
    async for _ in site.changed("core_job", "core_hold", interval=INTERVAL):
        context: dict[str, Any] = {"queues": await queues_of(site), "reasons": api.REASONS}
        yield site.templates.render(
            "admin/system/queues_table.html",
            context,
            locale=req.locale,
            root_path=req.root_path,
            path=PATH,
        )


async def _queue_of(req: Request, name: str) -> Queue:
    found = next((each for each in await queues_of(req.site) if each.name == name), None)
    if found is None:
        raise NotFound(Text("There is no queue called {name}.", name=name))
    return found
