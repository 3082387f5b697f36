"""``/admin/queues``: what waits, runs and failed, and holding a queue."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from changemaker_admin.system.schemas import HoldForm, NoFields
from changemaker_admin.system.states import JOB_STATES
from changemaker_core import (
    Conflict,
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
    from collections.abc import AsyncIterator, Callable

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


class QueuePage:
    """``/admin/queues/{slug}``"""

    @endpoint(permission=api.JOBS_READ)
    async def on_get(self, req: Request, resp: Response, *, slug: str) -> TemplateResponse:
        """One queue, with what waits in it."""
        return await _page(req, slug, Form.blank())


class HoldPage:
    """``/admin/queues/{slug}/hold``"""

    @endpoint(permission=api.MANAGE, form=HoldForm)
    async def on_post(
        self, req: Request, resp: Response, *, slug: str, form: Form[HoldForm]
    ) -> TemplateResponse | Redirect:
        """Start no more jobs of a queue."""
        if form.value is None:
            return await _page(req, slug, form)
        note = form.value.note

        def hold(tx: Tx) -> None:
            api.hold(tx, req.site, slug, note)
            flash(tx, req, Text("The queue is held. What is running ends."))

        return await _changed(req, slug, hold)


class ReleasePage:
    """``/admin/queues/{slug}/release``"""

    @endpoint(permission=api.MANAGE, form=NoFields)
    async def on_post(
        self, req: Request, resp: Response, *, slug: str, form: Form[NoFields]
    ) -> Redirect:
        """Let the jobs of a held queue run."""

        def release(tx: Tx) -> None:
            api.release(tx, req.site, slug)
            flash(tx, req, Text("The queue is released. Its jobs run."))

        return await _changed(req, slug, release)


class TryPage:
    """``/admin/queues/{slug}/try``"""

    @endpoint(permission=api.MANAGE, form=NoFields)
    async def on_post(
        self, req: Request, resp: Response, *, slug: str, form: Form[NoFields]
    ) -> Redirect:
        """Try one job of a queue that is held because of a server."""

        def try_one(tx: Tx) -> None:
            api.try_one(tx, slug)
            flash(tx, req, Text("One job is tried now. If it succeeds, the queue is released."))

        return await _changed(req, slug, try_one)


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


async def _changed(req: Request, name: str, change: Callable[[Tx], None]) -> Redirect:
    """Make a change, or show on the next page why it cannot be made any more."""
    await _queue_of(req, name)
    try:
        await req.site.db.write(change)
    except Conflict as error:
        problem = error.detail or error.title
        await req.site.db.write(lambda tx: flash(tx, req, Text(problem), kind="warning"))
    return Redirect(f"{PATH}/{name}")


async def _queue_of(req: Request, name: str) -> Queue:
    found = next((each for each in await queues_of(req.site) if each.name == name), None)
    if found is None:
        raise NotFound(Text("There is no queue called {name}.", name=name))
    return found


async def _page(req: Request, name: str, form: Form[Any]) -> TemplateResponse:
    context = {
        "queue": await _queue_of(req, name),
        "waiting": await req.site.db.all(api.waiting_jobs(queue=name)),
        "reasons": api.REASONS,
        "states": JOB_STATES,
        "form": form,
        "may_hold": _may(req, api.MANAGE),
        "may_retry": _may(req, api.JOBS_MANAGE),
    }
    return TemplateResponse("admin/system/queue.html", context)


def _may(req: Request, permission: str) -> bool:
    return req.actor is not None and req.actor.has_permission(permission)
